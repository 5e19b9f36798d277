/** The output on docs/commands.md and docs/every-day.md: that of commands without a host is compared here, and each other block names its test. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'
import { normal, shownOn } from '../support/documented.ts'
import { buildProgram, type Program, type Project, projectWith, runTask } from './runner/program.ts'

const HERE = 'test/unit/commands-page.program.test.ts'
const [, taskfile = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(HOME, 'docs/quick-start.md'), 'utf8')) ?? []

const blocks = shownOn('commands.md')
/** With those of the other pages that show what commands print. */
const all = [...blocks, ...shownOn('every-day.md')]

const here = blocks.filter(({ test }) => test === HERE)

it.each(all)('the output of `npx task $command` is compared by $test', ({ test, command }) => {
  expect(existsSync(join(HOME, test)), `<!-- output: ${test} -->`).toBe(true)
  if (test === HERE) return
  const source = [test, 'test/support/every-day.ts'].map(path => readFileSync(join(HOME, path), 'utf8')).join('')
  expect(source.replaceAll('\\', '')).toContain(command)
})

describe('the commands of docs/commands.md that need no host', () => {
  let program: Program
  let project: Project
  beforeAll(async () => {
    program = await buildProgram('index.ts')
    project = await projectWith({ 'Taskfile.ts': taskfile, '.env.production': 'PORT=4000\n' })
  })
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]()
    await program?.[Symbol.asyncDispose]()
  })

  it.each(here)('npx task $command prints what the page shows', async ({ command, output }) => {
    const { stdout, stderr } = await runTask(program, project, command.split(' ').filter(Boolean))
    expect(normal(stdout + stderr).trimEnd()).toBe(normal(output))
  })

  it('are more than one', () => {
    expect(here.length).toBeGreaterThan(3)
  })
})
