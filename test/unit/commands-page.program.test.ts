/** The output on docs/commands.md: that of commands without a host is compared here, and each other block names the test that compares it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOME } from '../../docs/generate/program.ts'
import { buildProgram, type Program, type Project, projectWith, runTask } from './runner/program.ts'

const HERE = 'test/unit/commands-page.program.test.ts'
const page = readFileSync(join(HOME, 'docs/commands.md'), 'utf8')
const [, taskfile = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(HOME, 'docs/quick-start.md'), 'utf8')) ?? []

/** Each command that the page shows, with the test that the comment above it names, and the output below it. */
const blocks = [
  ...page.matchAll(/^(?:<!-- output: (\S+) -->\n\n)? {4}\$ npx task(.*)\n((?: {4}.*\n|\n(?= {4}(?!\$)))*)/gm),
].map(([, test = '', command = '', output = '']) => ({
  test,
  command: command.trim(),
  output: output.replace(/^ {4}/gm, '').trimEnd(),
}))
/** Without how long it took. */
const timeless = (text: string) => text.replace(/\d+\.\d(?= s\b)/g, '#')

const here = blocks.filter(({ test }) => test === HERE)

it.each(blocks)('the output of `npx task $command` is compared by $test', ({ test, command }) => {
  expect(existsSync(join(HOME, test)), `<!-- output: ${test} -->`).toBe(true)
  if (test !== HERE) expect(readFileSync(join(HOME, test), 'utf8')).toContain(`'${command}'`)
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
    expect(timeless(stdout + stderr).trimEnd()).toBe(timeless(output))
  })

  it('are more than one', () => {
    expect(here.length).toBeGreaterThan(3)
  })
})
