/** The journal as a log: the regular expressions are given to the real grep and sed, and the scripts to a stand-in for journalctl. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Script } from '../../../host/script.ts'
import {
  followCommand,
  journalFollow,
  journalPage,
  messageWith,
  notBefore,
  pageCommand,
  parsePage,
} from '../../../plugins/runtime/journal.ts'

const UNIT = ['life@blue.service', 'life-worker@blue.service']
const T = 1_732_612_345_000_000

const folder = mkdtempSync(join(tmpdir(), 'switchyard-journal-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Written {
  readonly at: number
  readonly message: unknown
  readonly pid?: number
  readonly cursor?: string
  readonly unit?: string
}
/** An entry as systemd 240 and later print it. */
const entry = ({ at, message, pid = 812, cursor = `s=1;i=${at}`, unit = 'life@blue.service' }: Written): string =>
  JSON.stringify({
    __CURSOR: cursor,
    __REALTIME_TIMESTAMP: String(at),
    __MONOTONIC_TIMESTAMP: '1',
    _BOOT_ID: '00ff',
    MESSAGE: message,
    _PID: String(pid),
    _SYSTEMD_UNIT: unit,
  })
/** An entry as older versions print it. */
const spaced = (line: string) => line.replace(/"([A-Z_]+)":/g, '"$1" : ')

/** The lines of a text that grep selects. */
function selected(pattern: string, lines: readonly string[]): string[] {
  try {
    const input = `${lines.join('\n')}\n`
    const stdout = execFileSync('grep', ['-a', '-E', pattern], { input, env: { ...process.env, LC_ALL: 'C' } })
    return stdout.toString().trimEnd().split('\n')
  } catch (error) {
    expect((error as { status: number }).status).toBe(1)
    return []
  }
}

/** Runs a script with a stand-in that prints these lines whatever its arguments are, and ends with `code`. */
function runWith(script: Script, printed: readonly string[], code = 0): { code: number; stdout: string } {
  const reader = join(folder, 'journalctl')
  writeFileSync(join(folder, 'entries'), printed.map(line => `${line}\n`).join(''))
  writeFileSync(reader, `#!/bin/bash\ncat ${folder}/entries\nexit ${code}\n`, { mode: 0o755 })
  const text = script.text.replaceAll('/usr/bin/journalctl', reader).replaceAll('sudo -n', '')
  try {
    return { code: 0, stdout: execFileSync('bash', ['-c', `set -eu -o pipefail\n${text}`]).toString() }
  } catch (error) {
    return { code: (error as { status: number }).status, stdout: '' }
  }
}
const textsOf = (script: Script, printed: readonly string[]) =>
  parsePage(runWith(script, printed).stdout).lines.map(({ text }) => text)

describe('the command lines for sudo', () => {
  it('are the same whatever is asked for', () => {
    for (const words of [pageCommand(UNIT), followCommand(UNIT)]) {
      for (const filter of [{}, { lines: 5, since: 12, contains: 'x' }])
        expect([journalPage(UNIT, filter).text, journalFollow(UNIT, filter, '').script.text].join('\n')).toContain(
          words.join(' '),
        )
    }
  })
})

describe('the expression for a time', () => {
  it('selects the entries of that microsecond and of each later one, in both forms of JSON', () => {
    const edges = [T - 1_000_000, T - 1, T, T + 1, T + 9, T + 10, T + 999_999, T + 1_000_000, 8_999_999_999_999_999]
    const lines = edges.map(at => entry({ at, message: 'x' }))
    expect(selected(notBefore(T), lines)).toEqual(lines.slice(2))
    expect(selected(notBefore(T), lines.map(spaced))).toEqual(lines.slice(2).map(spaced))
    expect(selected(notBefore(0), lines)).toEqual(lines)
  })

  it('selects the same entries as a comparison of numbers, for any two times', () => {
    const micros = fc.integer({ min: 1_000_000_000_000_000, max: 9_007_199_254_740_991 })
    fc.assert(
      fc.property(micros, micros, (since, at) => {
        const found = new RegExp(notBefore(since)).test(entry({ at, message: 'x' }))
        expect(found).toBe(at >= since)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the expression for a text', () => {
  it.each([
    ['a word', 'listening'],
    ['characters of regular expressions', 'a.b*c[d]e(f)g+h?i{2}j^k$l|m'],
    ['quotes and backslashes', String.raw`say "hi" \n C:\temp\"`],
    ['other scripts', 'zürich 漢字 🚀'],
    ['commands of a shell', '$(touch /tmp/x) `id` ; \' " &'],
    ['a tab', 'a\tb'],
    ['a beginning that looks like an option', '--help'],
  ])('finds %s in the message alone', (_, text) => {
    const good = [text, `before ${text} after`].map(message => entry({ at: T, message }))
    const bytes = entry({ at: T, message: [...Buffer.from(`\x1b[1m${text}\x1b[0m`)] })
    const bad = [
      entry({ at: T, message: 'nothing' }),
      entry({ at: T, message: '', cursor: text }),
      entry({ at: T, message: [...Buffer.from('\x1b[1mnothing\x1b[0m')] }),
    ]
    const old = spaced(bytes).replaceAll(',', ', ').replace('[', '[ ').replace(']', ' ]')
    expect(selected(messageWith(text), [...good, bytes, ...bad, old])).toEqual([...good, bytes, old])
  })

  it('does not take a part of an escape for a text, or a part of a number for a byte', () => {
    expect(selected(messageWith('n'), [entry({ at: T, message: 'a\nb' })])).toEqual([])
    expect(selected(messageWith('\n'), [entry({ at: T, message: 'a\\nb' })])).toEqual([])
    // The bytes 11 and 1 are in the numbers 111 and 211.
    expect(selected(messageWith('\x0b\x01'), [entry({ at: T, message: [27, 111, 1] })])).toEqual([])
    expect(selected(messageWith('\x0b\x01'), [entry({ at: T, message: [27, 11, 111] })])).toEqual([])
  })

  it('finds a control character however the version of systemd escapes it', () => {
    const lines = ['a\\tb', 'a\\u0009b'].map(escaped => `{"MESSAGE":"${escaped}"}`)
    expect(selected(messageWith('a\tb'), lines)).toEqual(lines)
    const escapes = ['\\u001b', '\\u001B'].map(escaped => `{"MESSAGE":"${escaped}"}`)
    expect(selected(messageWith('\x1b'), escapes)).toEqual(escapes)
  })

  it('finds any text in any message that contains it, and only there', () => {
    const part = fc.string({ unit: fc.constantFrom(...'ab"\\.*[]\n\t é'), maxLength: 4 })
    const cases = fc.sample(fc.tuple(part, part, part), 40).filter(([, text]) => text !== '')
    for (const [before, text, after] of cases) {
      for (const message of [before + text + after, before + after]) {
        const line = entry({ at: T, message })
        expect(selected(messageWith(text), [line]), JSON.stringify([text, message])).toEqual(
          message.includes(text) ? [line] : [],
        )
      }
    }
  })
})

describe('a page of the journal', () => {
  const newest = [5, 4, 3, 2, 1].map(n => entry({ at: T + n, message: `line ${n}` }))

  it('has the newest lines, oldest first, and ends at the newest entry', () => {
    expect(textsOf(journalPage(UNIT, {}), newest)).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5'])
    expect(textsOf(journalPage(UNIT, { lines: 2 }), newest)).toEqual(['line 4', 'line 5'])
    expect(textsOf(journalPage(UNIT, { lines: 0 }), newest)).toEqual([])
    const { end, lines } = parsePage(runWith(journalPage(UNIT, {}), newest).stdout)
    expect(end).toBe(`${T + 5} s=1;i=${T + 5}`)
    expect(lines.at(-1)).toEqual({ time: T / 1000, text: 'line 5' })
  })

  it('has only lines since a time, and counts only lines with the text', () => {
    const since = T / 1000 - 1
    const old = entry({ at: T - 2_000_000, message: 'line 0' })
    expect(textsOf(journalPage(UNIT, { since }), [...newest, old])).toEqual(newest.map((_, i) => `line ${i + 1}`))
    const mixed = newest.flatMap(line => [line, entry({ at: T, message: 'other' })])
    expect(textsOf(journalPage(UNIT, { contains: 'line', lines: 3 }), mixed)).toEqual(['line 3', 'line 4', 'line 5'])
    expect(textsOf(journalPage(UNIT, { contains: 'nowhere' }), mixed)).toEqual([])
  })

  it('of an empty journal ends at the time of the host', () => {
    const { end, lines } = parsePage(runWith(journalPage(UNIT, {}), []).stdout)
    expect(lines).toEqual([])
    expect(Math.abs(Number(end) / 1000 - Date.now())).toBeLessThan(60_000)
  })

  it('ends early without an error when there are enough lines, and fails with the code of the reader', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => entry({ at: T - i, message: `line ${i}` }))
    for (const filter of [{ lines: 1 }, { lines: 1, contains: 'line' }, { since: T / 1000 - 1, lines: 1 }])
      expect(runWith(journalPage(UNIT, filter), many)).toMatchObject({ code: 0 })
    expect(runWith(journalPage(UNIT, {}), [], 7)).toMatchObject({ code: 7 })
    expect(runWith(journalPage(UNIT, { contains: 'x' }), [], 1)).toMatchObject({ code: 1 })
  })

  it('shows messages of systemd as such, bytes as text, and a message of several lines as several', () => {
    const printed = [
      entry({ at: T, pid: 1, message: 'Started life@blue.service - life, slot blue.' }),
      entry({ at: T, message: [...Buffer.from('grün\x1b[0m\x00')] }),
      entry({ at: T, message: 'one\r\ntwo\n' }),
      entry({ at: T, message: ['first', 'second'] }),
      entry({ at: T, message: null, unit: 'life-worker@blue.service' }),
      '{"MESSAGE":"cut o',
    ]
    expect(parsePage([T, ...printed].join('\n')).lines.map(({ text }) => text)).toEqual([
      'worker: ...',
      'first',
      'second',
      'one',
      'two',
      'grün\x1b[0m\x00',
      'systemd: Started life@blue.service - life, slot blue.',
    ])
  })
})

describe('a followed journal', () => {
  const at = (n: number, cursor = `c${n}`) => entry({ at: T + n, message: `line ${n} ${cursor}`, cursor })
  const parsed = (end: string, lines: readonly string[]) => {
    const stream = journalFollow(UNIT, {}, end)
    return lines.flatMap(line => stream.parse(line)).map(({ text }) => text)
  }

  it('goes on right after the entry at which the page ended, although others have the same time', () => {
    const lines = [at(1, 'a'), at(1, 'b'), at(1, 'c'), at(2)]
    expect(parsed(`${T + 1} b`, lines)).toEqual(['line 1 c', 'line 2 c2'])
  })

  it('shows each line if the page was empty, or if its last entry is gone', () => {
    expect(parsed(String(T), [at(0), at(1)])).toEqual(['line 0 c0', 'line 1 c1'])
    expect(parsed(`${T} gone`, [at(1), at(2)])).toEqual(['line 1 c1', 'line 2 c2'])
  })

  it('skips a line that is not an entry', () => {
    expect(parsed(String(T), ['', 'Hint: ...', at(1)])).toEqual(['line 1 c1'])
  })
})
