import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../runner/events.ts'
import { jsonRenderer } from '../../../runner/output/json.ts'
import { plainRenderer } from '../../../runner/output/plain.ts'
import { forPeople } from '../../../runner/output/plain-text.ts'
import { streamRenderer } from '../../../runner/output/stream.ts'

const print = (line: string, more: object = {}): RunEvent => ({ type: 'print', step: 'logs', line, ...more })
const timing = { step: 'logs', title: 'Show the log', ms: 3 }
const report = { exitCode: 1, message: 'It broke.', hint: 'Mend it.' }
const failed = (code: string, exitCode = 1): RunEvent => ({ type: 'error', during: 'run', ...report, code, exitCode })
const ended: RunEvent = {
  ...{ type: 'result', command: 'logs', title: 'Show the log', ok: false, exitCode: 1, ms: 3, dryRun: false },
  undone: [],
  left: [],
}

function rendered(events: readonly RunEvent[], colours = false) {
  const written = { out: '', err: '' }
  const sinks = {
    out(text: string) {
      written.out += text
    },
    err(text: string) {
      written.err += text
    },
  }
  const renderer = forPeople(streamRenderer(sinks, { colours, read: undefined }), colours)
  for (const event of events) renderer.handle(event)
  return written
}

describe('the output of a step that streams', () => {
  it('is what it prints alone, on the stream that it names', () => {
    const events: RunEvent[] = [
      { type: 'start', ...timing },
      { type: 'output', step: 'logs', line: 'progress' },
      print('one'),
      print('two', { to: 'stderr' }),
      { type: 'note', step: 'logs', note: 'noted' },
      print('', { data: { n: 1 } }),
      { type: 'end', ok: true, ...timing },
      { ...ended, ok: true },
    ]
    expect(rendered(events)).toEqual({ out: 'one\n\n', err: 'two\n' })
  })

  it('has an error on standard error, with what to do next', () => {
    expect(rendered([print('one'), failed('BROKEN'), ended])).toEqual({
      out: 'one\n',
      err: 'error: It broke. [BROKEN]\n  next: Mend it.\n',
    })
  })

  it('says nothing about Ctrl-C, but about a second one', () => {
    const interrupt: RunEvent = { type: 'interrupt', signal: 'SIGINT', ...timing }
    expect(rendered([interrupt, failed('INTERRUPTED', 130), ended])).toEqual({ out: '', err: '' })
    expect(rendered([{ type: 'abandon', signal: 'SIGINT', left: [] }]).err).toContain('SIGINT again')
  })

  it('has labels, in the colour of their names or the next one', () => {
    const lines = ['blue ', 'green', 'a', 'b', 'a'].map(label => print('x', { label }))
    expect(rendered(lines).out).toBe('blue  | x\ngreen | x\na | x\nb | x\na | x\n')
    expect(rendered(lines, true).out.split('\n')).toEqual([
      '\x1b[34mblue \x1b[0m | x',
      '\x1b[32mgreen\x1b[0m | x',
      '\x1b[34ma\x1b[0m | x',
      '\x1b[32mb\x1b[0m | x',
      '\x1b[34ma\x1b[0m | x',
      '',
    ])
    expect(rendered([print('x')], true).out).toBe('x\n')
  })

  it('has no terminal codes and no further lines of other programs', () => {
    const { out } = rendered([print('a\x1b[2J b\x07c\nd\u202ee', { label: 'bl\x1b[31mue' })], true)
    expect(out).toBe('\x1b[34mblue\x1b[0m | a b\\x07c d\\u202ee\n')
  })

  it('is a line in plain output too, and an event of its own with --json', () => {
    const written: string[] = []
    const sinks = { out: (text: string) => void written.push(text), err: () => undefined }
    plainRenderer(sinks, { verbose: true, read: undefined }).handle(print('one', { label: 'blue' }))
    expect(written.splice(0)).toEqual(['blue | one\n'])
    jsonRenderer(sinks, () => new Date(0)).handle(print('one', { data: { slot: 'blue' } }))
    expect(JSON.parse(written.join(''))).toEqual({
      type: 'print',
      at: '1970-01-01T00:00:00.000Z',
      step: 'logs',
      line: 'one',
      data: { slot: 'blue' },
    })
  })
})
