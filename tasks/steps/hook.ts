/** Executables of the project that run before and after parts of a command: `.task/hooks/pre-deploy`. */
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { arg } from '../../runner/cli/args.ts'
import { messageOf } from '../../runner/fault.ts'
import { rehearsal } from '../../runner/rehearsal.ts'
import type { AnyTask, TaskContext } from '../../runner/task.ts'
import { variablesOfFacts } from '../../slots/facts.ts'
import { slotFaults } from '../../slots/faults.ts'
import type { Context, TaskDeps } from '../context.ts'
import { named } from './find-release.ts'

export type HookName = 'pre-build' | 'pre-deploy' | 'post-deploy' | 'pre-promote' | 'post-promote'

const FOLDER = '.task/hooks'
const LAST_LINES = 20

const skipHooks = arg.flag('Do not run the executables in .task/hooks')

interface HookContext extends TaskContext, Pick<Context<string>, 'folder' | 'facts'> {}

/** A step that is left out unless the project has the executable, and in a rehearsal, of which others should not hear. */
export const hook = <S extends string>({ task }: TaskDeps<S>, name: HookName) => {
  const step = task(`Run the hook ${name}`, { once: true, args: { skipHooks }, run: context => runHook(name, context) })
  const when = (values: object, source?: { readonly folder: string }) =>
    !('skipHooks' in values && values.skipHooks === true) &&
    !(name === 'pre-build' && named(values)) &&
    source !== undefined &&
    !rehearsal() &&
    exists(join(source.folder, FOLDER, name))
  return { ...step, when, hook: name }
}

/** Whether a run begins with a hook that can stop it before anything is contacted. */
export const beginsWithHook = ([first]: readonly AnyTask[]): boolean => first !== undefined && 'hook' in first

/** The hooks around a switch of the traffic, and the switch. */
export const withPromoteHooks = <S extends string, T extends AnyTask>(deps: TaskDeps<S>, switching: T) => {
  const [before, after] = [hook(deps, 'pre-promote'), hook(deps, 'post-promote')]
  if (!switching.when) return [before, switching, after] as const
  const only = <H extends ReturnType<typeof hook<S>>>(step: H): H => ({
    ...step,
    when: (values, source) => switching.when?.(values, source) !== false && step.when(values, source),
  })
  return [only(before), switching, only(after)] as const
}

async function runHook(name: HookName, { $, folder, facts, note, show, signal }: HookContext): Promise<void> {
  const found = facts()
  if (name.endsWith('-promote') && found.moves === false) return note('nothing to switch')
  const path = join(FOLDER, name)
  const pre = name.startsWith('pre-')
  const failed = await outcome().catch((error: unknown) => {
    signal.throwIfAborted()
    if (pre) throw error
    return error
  })
  // What it follows is done: a failure is told, and changes nothing.
  if (failed !== undefined) {
    note('failed')
    show(`warning: ${messageOf(failed)} What it follows is done.`)
  }

  async function outcome(): Promise<undefined> {
    if (!executable(join(folder, path))) throw slotFaults.HOOK_NOT_EXECUTABLE({ path })
    const env = { ...process.env, ...variablesOfFacts(found), TASK_HOOK: name }
    const { exitCode, stdall } = await $({ cwd: folder, nothrow: true, env })`${`./${path}`}`
    signal.throwIfAborted()
    if (exitCode !== 0)
      throw slotFaults.HOOK_FILE_FAILED({
        path,
        code: exitCode,
        output: stdall.trimEnd().split('\n').slice(-LAST_LINES).join('\n'),
      })
  }
}

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
