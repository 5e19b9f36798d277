/** Text from a host or another person cannot control the terminal and cannot imitate a line of ours. */
import { expect, it } from 'vitest'
import type { RunEvent } from '../../../runner/events.ts'
import { jsonRenderer } from '../../../runner/output/json.ts'
import { plainRenderer } from '../../../runner/output/plain.ts'
import { bold, forPeople, visible } from '../../../runner/output/plain-text.ts'

const EVIL = 'new\x1b[2J\x1b]0;title\x07 disks\x9b31m\x07\b\x7f\r\u202egnp.exe\u2069'

it.each([
  ['new\x1b[2J disks', 'new disks'],
  ['\x1b[31mred\x1b[0m', 'red'],
  ['bell\x07', 'bell\\x07'],
  ['back\b\b', 'back\\x08\\x08'],
  ['over\rwrite', 'over\\x0dwrite'],
  ['turned \u202egnp.exe', 'turned \\u202egnp.exe'],
  ['del\x7f nel\x85', 'del\\x7f nel\\x85'],
  ['two\nlines\tand a tab, ü and 漢', 'two\nlines\tand a tab, ü and 漢'],
])('visible() shows %j as %j', (text, shown) => {
  expect(visible(text)).toBe(shown)
})

const events: RunEvent[] = [
  { type: 'start', step: 'a', title: EVIL },
  { type: 'output', step: '', line: EVIL },
  { type: 'note', step: 'a', note: EVIL },
  { type: 'end', step: 'a', title: EVIL, ms: 1, ok: false },
  { type: 'interrupt', signal: 'SIGINT', title: EVIL },
  { type: 'stuck', step: 'a', title: EVIL, ms: 1 },
  { type: 'abandon', signal: 'SIGINT', left: [EVIL] },
  { type: 'undo', step: 'a', title: EVIL, state: 'done', ms: 1 },
  { type: 'show', text: EVIL, data: { reason: EVIL } },
  {
    type: 'error',
    step: 'a',
    during: 'run',
    code: 'CLOSED',
    exitCode: 3,
    message: `closed: ${EVIL}\nerror: another one [LOCK_TAKEN]`,
    hint: EVIL,
    detail: EVIL,
    stack: EVIL,
    command: EVIL,
    at: EVIL,
  },
  {
    type: 'result',
    command: 'it',
    title: EVIL,
    ok: false,
    exitCode: 3,
    ms: 1,
    dryRun: false,
    undone: [EVIL],
    left: [EVIL],
    timings: [{ step: 'a', title: EVIL, ms: 1 }],
  },
]

it('text of ours that is bold stays so on a terminal with colours, and nothing else of it is a code', () => {
  const printed = (colours: boolean, text: string) => {
    let out = ''
    const sinks = { out: (line: string) => (out += line), err: () => undefined }
    const renderer = forPeople(plainRenderer(sinks, { verbose: true, read: undefined }), colours)
    renderer.handle({ type: 'show', text })
    void renderer.close()
    return out
  }
  expect(printed(true, `live ${bold('bl\x07ue')}`)).toBe('live \x1b[1mbl\\x07ue\x1b[22m\n')
  expect(printed(false, `live ${bold('blue')}`)).toBe('live blue\n')
  expect(printed(true, '\x1b[1mnever ended \x1b[31mred')).toBe('never ended red\n')
})

it.each([true, false])('the plain renderer prints no terminal codes from foreign text (colours: %s)', async colours => {
  let printed = ''
  const sink = (text: string) => {
    printed += text
  }
  const renderer = forPeople(plainRenderer({ out: sink, err: sink }, { verbose: true, read: undefined }), colours)
  for (const event of events) renderer.handle(event)
  await renderer.close()
  expect(printed).toContain('disks')
  expect(printed).not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u)
  // A line break in a reason must not start a line that looks like ours.
  expect(printed.match(/^error: /gm)).toHaveLength(1)
  expect(printed).not.toContain('undefined')
})

it('the JSON renderer keeps the text unchanged but contains no raw control characters', () => {
  const lines: string[] = []
  const json = jsonRenderer({ out: text => lines.push(text), err: () => undefined })
  for (const event of events) json.handle(event)
  for (const line of lines) expect(line.trimEnd()).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u)
  expect(JSON.parse(lines[8] ?? '').data).toEqual({ reason: EVIL })
})
