import { describe, expect, it, vi } from 'vitest'
import { report } from '../../../runner/engine/error-report.ts'
import { localShell } from '../../../runner/engine/local-shell.ts'
import { catalogue, fault } from '../../../runner/fault.ts'
import { redactor } from '../../../runner/secrets/redact.ts'
import { codeFrame } from '../../../runner/taskfile/code-frame.ts'

// Programs are started here, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const source = { folder: import.meta.dirname, files: [import.meta.filename] }
const never = new AbortController().signal
const faults = catalogue({
  LOCKED: fault<{ by: string }>({
    exitCode: 3,
    message: d => `Held by ${d.by}.`,
    hint: () => 'Wait.',
    detail: () => 'since 12:00',
  }),
})

describe('the report of an error', () => {
  it('is the fault itself', () => {
    expect(report(faults.LOCKED({ by: 'anna' }), source)).toEqual({
      code: 'LOCKED',
      exitCode: 3,
      message: 'Held by anna.',
      hint: 'Wait.',
      detail: 'since 12:00',
    })
  })

  it('says where in the Taskfile an error came from', () => {
    const words = report(new TypeError('no such thing\nand more'), source)
    expect(words).toMatchObject({
      code: 'FAILED',
      exitCode: 1,
      message: 'TypeError: no such thing',
      detail: 'and more',
    })
    expect(words.at).toMatch(/^report\.test\.ts:\d+:\d+$/)
    expect(words.hint).toContain(words.at)
    expect(words.stack).toContain('no such thing')
  })

  it('names causes and the parts of an aggregate', () => {
    const error = new AggregateError([new Error('first'), new Error('second')], 'both', { cause: new Error('root') })
    expect(report(error, source).detail).toBe('- first\n- second\ncaused by Error: root')
  })

  it('has words for what is no error', () => {
    expect(report({ status: 7 }, source)).toMatchObject({
      code: 'THROWN',
      exitCode: 1,
      message: expect.stringContaining('status: 7'),
    })
    expect(report(undefined, source).message).toContain('undefined')
  })

  it('says which command failed, where it was called, and the end of what it said', async () => {
    const lines: string[] = []
    const options = { cwd: source.folder, dryRun: false, redactor: redactor(), log: (line: string) => lines.push(line) }
    const { $ } = await localShell({ ...options, signal: never, over: never })
    const error = await $`echo ${'a b'} >&2; exit 3`.catch((thrown: unknown) => thrown)
    const words = report(error, source)
    expect(words).toMatchObject({ code: 'COMMAND_FAILED', exitCode: 1, command: "echo $'a b' >&2; exit 3" })
    expect(words.message).toBe("`echo $'a b' >&2; exit 3` failed with exit code 3.")
    expect(words.at).toMatch(/^report\.test\.ts:\d+:\d+$/)
    expect(words.detail).toBe(`at ${words.at}\na b`)
    expect(lines).toEqual(['a b'])
  })

  it('shows a command of several lines whole, below the cause', async () => {
    const options = { cwd: source.folder, dryRun: false, redactor: redactor(), log: () => undefined }
    const { $ } = await localShell({ ...options, signal: never, over: never })
    const words = report(await $`true\nkill -KILL $$`.catch((thrown: unknown) => thrown), source)
    expect(words.message).toBe('`true ...` was ended by SIGKILL.')
    expect(words.detail).toContain('command: true\nkill -KILL $$')
  })
})

describe('a code frame', () => {
  it('shows the lines around a place and marks it', () => {
    const text = ['one', 'two', '\tthree = 3', 'four', 'five', 'six'].join('\n')
    expect(codeFrame(text, 3, 2, 5)).toBe(
      ['  1 | one', '  2 | two', '> 3 | \tthree = 3', '    | \t^^^^^', '  4 | four', '  5 | five'].join('\n'),
    )
  })

  it('stays inside the file and the line', () => {
    expect(codeFrame('abc', 1, 4, 9)).toBe('> 1 | abc\n    |    ^')
  })
})
