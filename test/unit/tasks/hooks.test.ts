/** The executables in `.task/hooks`: their place in a command, what they are told, and what their failure means. */

import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { planOf } from '../../../runner/engine/plan.ts'
import { run } from '../../../runner/engine/run.ts'
import type { RunEvent } from '../../../runner/events.ts'
import { definer, type Scope } from '../../../runner/task.ts'
import type { RunFacts, Told } from '../../../slots/facts.ts'
import type { Context, TaskDeps } from '../../../tasks/context.ts'
import { project } from '../../../tasks/project.ts'
import { type HookName, hook } from '../../../tasks/steps/hook.ts'
import { definition } from '../../support/definition.ts'
import { runOf } from '../../support/run.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hooks-'))
  await mkdir(join(folder, '.task/hooks'), { recursive: true })
})
afterEach(() => rm(folder, { recursive: true }))

const write = async (name: string, text: string, mode = 0o755) => {
  await writeFile(join(folder, '.task/hooks', name), `#!/bin/sh\n${text}\n`)
  await chmod(join(folder, '.task/hooks', name), mode)
}

const FACTS: RunFacts = {
  app: 'life',
  host: 'deploy@web-1',
  destination: 'staging',
  command: 'ship',
  deploy: '20261126T100000Z-0001',
  by: 'ann@desk',
  version: '0.1.1',
  release: '0.1.1-3fa9c21',
  slot: 'green',
  previous: 'blue',
}

/** Runs one hook in the engine. */
async function runHook(name: HookName, { told = {} as Told, dryRun = false } = {}) {
  const scope: Scope = {
    name: 'life',
    open: async () => ({
      context: () => ({ folder, facts: () => ({ ...FACTS, ...told }) }),
      async [Symbol.asyncDispose]() {},
    }),
  }
  const deps = definer<Context<string>>(scope) as TaskDeps<string>
  const events: RunEvent[] = []
  const silent = () => () => undefined
  const exit = await run({
    ...runOf(hook(deps, name), join(folder, 'Taskfile.ts'), event => events.push(event)),
    dryRun,
    hooks: { onSignal: silent, onStray: silent, onStarved: silent, onLine: silent, exit: () => undefined },
  })
  const of = <T extends RunEvent['type']>(type: T) =>
    events.flatMap(event => (event.type === type ? [event as Extract<RunEvent, { type: T }>] : []))
  return {
    exit,
    shown: of('show').map(({ text }) => text),
    errors: of('error'),
    output: of('output').map(({ line }) => line),
  }
}

const { tasks } = project(definition)

/** The steps of a command that would run, with these values. */
const stepsOf = (name: 'deploy' | 'promote' | 'rollback' | 'restart', values: object = {}) =>
  planOf(name, tasks[name])
    .steps.filter(({ task }) => task.when?.(values, { folder }) !== false)
    .map(({ title }) => title)

it('a project without hooks has no further step', async () => {
  expect(stepsOf('deploy', { promote: true }).filter(title => title.includes('hook'))).toEqual([])
})

it('hooks run in their places in a deploy that promotes', async () => {
  for (const name of ['pre-build', 'pre-deploy', 'post-deploy', 'pre-promote', 'post-promote'])
    await write(name, 'exit 0')
  const titles = stepsOf('deploy', { promote: true })
  expect(titles[0]).toBe('Run the hook pre-build')
  const order = [
    'Build the release',
    'Run the hook pre-deploy',
    'Check the host',
    'Plan the next step',
    'Run the hook pre-promote',
    'Move the traffic and prove it',
    'Run the hook post-promote',
    'Run the hook post-deploy',
  ]
  expect(titles.filter(title => order.includes(title))).toEqual(order)
})

it('a deploy without --promote runs no hooks of a promote, and --skip-hooks none at all', async () => {
  for (const name of ['pre-build', 'pre-deploy', 'post-deploy', 'pre-promote', 'post-promote'])
    await write(name, 'exit 0')
  expect(stepsOf('deploy').filter(title => title.includes('hook'))).toEqual([
    'Run the hook pre-build',
    'Run the hook pre-deploy',
    'Run the hook post-deploy',
  ])
  expect(stepsOf('deploy', { promote: true, skipHooks: true }).filter(title => title.includes('hook'))).toEqual([])
})

it.each(['promote', 'rollback', 'restart'] as const)(
  '%s runs the hooks of a promote around the switch',
  async command => {
    for (const name of ['pre-promote', 'post-promote', 'pre-deploy']) await write(name, 'exit 0')
    expect(stepsOf(command).slice(-3)).toEqual([
      'Run the hook pre-promote',
      'Move the traffic and prove it',
      'Run the hook post-promote',
    ])
  },
)

it('a hook runs in the folder of the Taskfile and is told about the run', async () => {
  await write('pre-promote', 'pwd; env | grep ^TASK_ | grep -v RECORDED | sort > told; test -n "$TASK_RECORDED_AT"')
  const { exit, output } = await runHook('pre-promote')
  expect(exit).toBe(0)
  expect(output).toContain(folder)
  expect((await readFile(join(folder, 'told'), 'utf8')).trimEnd().split('\n')).toEqual([
    'TASK_APP=life',
    'TASK_COMMAND=ship',
    'TASK_DEPLOY=20261126T100000Z-0001',
    'TASK_DESTINATION=staging',
    'TASK_HOOK=pre-promote',
    'TASK_HOST=deploy@web-1',
    'TASK_PERFORMER=ann@desk',
    'TASK_PREVIOUS_SLOT=blue',
    'TASK_RELEASE=0.1.1-3fa9c21',
    'TASK_REVISION=',
    'TASK_SLOT=green',
    'TASK_VERSION=0.1.1',
  ])
})

it.each<HookName>(['pre-build', 'pre-deploy', 'pre-promote'])(
  '%s that fails stops the run with exit code 1 and its output',
  async name => {
    await write(name, 'echo "the tests of this commit failed" >&2; exit 7')
    const { exit, errors } = await runHook(name)
    expect(exit).toBe(1)
    expect(errors[0]).toMatchObject({
      code: 'HOOK_FILE_FAILED',
      message: `The hook .task/hooks/${name} exited with 7.`,
      detail: 'the tests of this commit failed',
    })
  },
)

it.each<HookName>(['post-deploy', 'post-promote'])('%s that fails is told, and the run succeeds', async name => {
  await write(name, 'exit 7')
  const { exit, shown, errors } = await runHook(name)
  expect(exit).toBe(0)
  expect(errors).toEqual([])
  expect(shown).toEqual([`warning: The hook .task/hooks/${name} exited with 7. What it follows is done.`])
})

it('a hook that is not executable is refused', async () => {
  await write('pre-deploy', 'exit 0', 0o644)
  const { exit, errors } = await runHook('pre-deploy')
  expect(exit).toBe(1)
  expect(errors[0]?.code).toBe('HOOK_NOT_EXECUTABLE')
  await write('post-deploy', 'exit 0', 0o644)
  expect((await runHook('post-deploy')).exit).toBe(0)
})

it('hooks of a promote do not run for a slot that is live already', async () => {
  await write('pre-promote', 'exit 7')
  expect((await runHook('pre-promote', { told: { moves: false } })).exit).toBe(0)
})

it('a dry run prints the hook and does not run it', async () => {
  await write('pre-deploy', 'exit 7')
  const { exit, output } = await runHook('pre-deploy', { dryRun: true })
  expect(exit).toBe(0)
  expect(output.join('\n')).toMatch(/would run: .*TASK_SLOT=green.*\.\/\.task\/hooks\/pre-deploy/)
})

it('a folder of the name of a hook is none', async () => {
  await mkdir(join(folder, '.task/hooks/pre-deploy'))
  expect(stepsOf('deploy').filter(title => title.includes('hook'))).toEqual([])
})
