import { describe, expect, it } from 'vitest'
import { report } from '../../../runner/engine/error-report.ts'
import { localShell } from '../../../runner/engine/local-shell.ts'
import { catalogue, fault } from '../../../runner/fault.ts'
import { redactor } from '../../../runner/secrets/redact.ts'
import { codeFrame } from '../../../runner/taskfile/code-frame.ts'

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

describe('an error report', () => {
  it('has the fields of a fault', () => {
    expect(report(faults.LOCKED({ by: 'anna' }), source)).toEqual({
      code: 'LOCKED',
      exitCode: 3,
      message: 'Held by anna.',
      hint: 'Wait.',
      detail: 'since 12:00',
      explained: true,
    })
  })

  it('gives the place in the Taskfile that an error came from', () => {
    const reported = report(new TypeError('no such thing\nand more'), source)
    expect(reported).toMatchObject({
      code: 'FAILED',
      exitCode: 1,
      message: 'TypeError: no such thing',
      detail: 'and more',
    })
    expect(reported.at).toMatch(/^error-report\.test\.ts:\d+:\d+$/)
    expect(reported.hint).toContain(reported.at)
    expect(reported.stack).toContain('no such thing')
  })

  it('lists causes and the errors of an AggregateError', () => {
    const error = new AggregateError([new Error('first'), new Error('second')], 'both', { cause: new Error('root') })
    expect(report(error, source).detail).toBe('- first\n- second\ncaused by Error: root')
  })

  it('describes a thrown value that is not an error', () => {
    expect(report({ status: 7 }, source)).toMatchObject({
      code: 'THROWN',
      exitCode: 1,
      message: expect.stringContaining('status: 7'),
    })
    expect(report(undefined, source).message).toContain('undefined')
  })

  it('gives a failed command, its place in the Taskfile and the end of its output', async () => {
    const lines: string[] = []
    const options = { cwd: source.folder, dryRun: false, redactor: redactor(), log: (line: string) => lines.push(line) }
    const { $ } = await localShell({ ...options, signal: never, over: never })
    const error = await $`echo ${'a b'} >&2; exit 3`.catch((thrown: unknown) => thrown)
    const reported = report(error, source)
    expect(reported).toMatchObject({ code: 'COMMAND_FAILED', exitCode: 1, command: "echo $'a b' >&2; exit 3" })
    expect(reported.message).toBe("`echo $'a b' >&2; exit 3` failed with exit code 3.")
    expect(reported.at).toMatch(/^error-report\.test\.ts:\d+:\d+$/)
    expect(reported.detail).toBe(`at ${reported.at}\na b`)
    expect(lines).toEqual(['a b'])
  })

  it('shows a multi-line command in full below the message', async () => {
    const options = { cwd: source.folder, dryRun: false, redactor: redactor(), log: () => undefined }
    const { $ } = await localShell({ ...options, signal: never, over: never })
    const reported = report(await $`true\nkill -KILL $$`.catch((thrown: unknown) => thrown), source)
    expect(reported.message).toBe('`true ...` was ended by SIGKILL.')
    expect(reported.detail).toContain('command: true\nkill -KILL $$')
  })
})

describe('a code frame', () => {
  it('shows the lines around a position and marks it', () => {
    const text = ['one', 'two', '\tthree = 3', 'four', 'five', 'six'].join('\n')
    expect(codeFrame(text, 3, 2, 5)).toBe(
      ['  1 | one', '  2 | two', '> 3 | \tthree = 3', '    | \t^^^^^', '  4 | four', '  5 | five'].join('\n'),
    )
  })

  it('stays within the file and the line', () => {
    expect(codeFrame('abc', 1, 4, 9)).toBe('> 1 | abc\n    |    ^')
  })
})
