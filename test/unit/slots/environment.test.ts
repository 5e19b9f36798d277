import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'dotenv'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { Fault } from '../../../runner/fault.ts'
import { environmentFile, parseEnvironment, readEnvironment } from '../../../slots/environment/environment.ts'
import { environmentValue } from '../../support/environment-value.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-env-'))
afterAll(() => rmSync(folder, { recursive: true }))

const faultOf = (act: () => unknown): Fault => {
  try {
    act()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('parseEnvironment', () => {
  it('reads the dotenv format: quotes, comments, export, multi-line values, escapes', () => {
    const text = [
      '\ufeff# a comment',
      '',
      'PLAIN=value # with a comment',
      "export SINGLE='$HOME # \" `'",
      'DOUBLE="a\\nb"',
      'TICKS=`it\'s "so"`   # and a comment',
      'EMPTY=',
      'SPACES="  x  "',
      'MANY="-----BEGIN-----',
      'lines # and = signs',
      '-----END-----"',
      'URL=postgres://u:p$w@h/db?a=b&c=d',
    ].join('\r\n')
    expect(parseEnvironment(text, '.env', parse)).toEqual({
      PLAIN: 'value',
      SINGLE: '$HOME # " `',
      DOUBLE: 'a\nb',
      TICKS: 'it\'s "so"',
      EMPTY: '',
      SPACES: '  x  ',
      MANY: '-----BEGIN-----\nlines # and = signs\n-----END-----',
      URL: 'postgres://u:p$w@h/db?a=b&c=d',
    })
  })

  it.each([
    ['spaces around the =', 'A = sesame'],
    ['a space before the =', 'A =sesame'],
    ['a space after the =', 'A= sesame'],
    ['a colon', 'A: sesame'],
    ['a dash in the name', 'A-B=sesame'],
    ['a dot in the name', 'A.B=sesame'],
    ['a digit at the beginning of the name', '1A=sesame'],
    ['a name that is reserved in JavaScript objects', '__proto__=sesame'],
    ['a name that is reserved in the shell', 'UID=sesame'],
    ['a line without =', 'sesame'],
    ['a # that touches the value', 'A=open#sesame'],
    ['a # right after the =', 'A=#sesame'],
    ['a quote that is never closed', 'A="sesame'],
    ['an escaped quote', 'A="open \\"sesame\\""'],
    ['text after the closing quote', 'A="open"sesame'],
    ['an escaped backslash before an n in double quotes', 'A="C:\\\\nsesame"'],
    ['a NUL byte', 'A=sesame\0'],
    ['a NUL byte on a later line of a value', 'A="sesame\n\0"'],
    ['a line separator that only some readers know', '# x\u2028A=sesame'],
    ['a no-break space', 'A=sesame\u00a0'],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from('A=sesame'), Buffer.of(0xff)]).toString('utf8')],
    ['a code that is no character', 'A=sesame\uffff'],
    ['a value longer than Linux passes on', `A=sesame${'x'.repeat(131_072)}`],
  ])('rejects %s, naming file and line but never the value', (_, line) => {
    const fault = faultOf(() => parseEnvironment(`FIRST=1\n\nLONG="2\n3"\n${line}\nLAST=4\n`, 'conf/.env', parse))
    expect(fault).toMatchObject({ code: 'ENV_LINE_INVALID', exitCode: 2 })
    const at = line.includes('\0') && line.includes('\n') ? 6 : 5
    expect(fault.message).toMatch(new RegExp(`^conf/\\.env, line ${at}: `))
    expect(`${fault.message} ${fault.hint} ${fault.detail}`).not.toContain('sesame')
  })

  it('rejects a duplicate name and gives the line of the first', () => {
    const fault = faultOf(() => parseEnvironment('A=1\nB=2\nA=3\n', '.env', parse))
    expect(fault.message).toBe('.env, line 3: A is already defined on line 1.')
  })

  it('agrees with dotenv on every text that it accepts', () => {
    const piece = fc.constantFrom(
      ...[
        'A',
        'B1',
        '_C',
        '=',
        '="',
        "='",
        '"',
        "'",
        '`',
        '\n',
        '\r\n',
        '\r',
        ' ',
        '\t',
        '#',
        '\\',
        '\\n',
        'x',
        '$',
        'é',
      ],
      ...['export ', ': ', '\u2028', '\v', '\0', '.', '\nD=', '\nE="'],
    )
    let accepted = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), pieces => {
        const text = pieces.join('')
        let parsed: Readonly<Record<string, string>>
        try {
          parsed = parseEnvironment(text, '.env', parse)
        } catch (error) {
          expect(error).toBeInstanceOf(Fault)
          return
        }
        accepted += Object.keys(parsed).length > 0 ? 1 : 0
        expect(parsed).toEqual(parse(text))
      }),
      { numRuns: 20_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})

describe('readEnvironment', () => {
  it('reads a file', async () => {
    const file = join(folder, 'good')
    writeFileSync(file, 'A=1\n')
    await expect(readEnvironment(file)).resolves.toEqual({ A: '1' })
  })

  it('reports a file that is missing or is a folder', async () => {
    await expect(readEnvironment(join(folder, 'none'))).rejects.toMatchObject({
      code: 'ENV_FILE_UNREADABLE',
      exitCode: 2,
      message: `The environment file ${join(folder, 'none')} cannot be read: it does not exist.`,
    })
    await expect(readEnvironment(folder)).rejects.toMatchObject({ message: expect.stringContaining('it is a folder') })
  })

  const root = process.getuid?.() === 0
  it.skipIf(root)(
    `reports a file without read permission${root ? ' (skipped: root may read every file)' : ''}`,
    async () => {
      const file = join(folder, 'closed')
      writeFileSync(file, 'A=1\n')
      chmodSync(file, 0)
      await expect(readEnvironment(file)).rejects.toMatchObject({
        message: expect.stringContaining('permission denied'),
      })
    },
  )
})

describe('environmentFile', () => {
  it('quotes each value and escapes what is special in double quotes', () => {
    expect(environmentFile({ A: 'plain', B: '$x `y` "z" \\n', C: 'two\nlines', D: '' })).toBe(
      'A="plain"\nB="\\$x \\`y\\` \\"z\\" \\\\n"\nC="two\nlines"\nD=""\n',
    )
  })

  it.each([
    ['it contains a NUL byte', 'A', 'sesame\0'],
    ['it contains a code point that is not a Unicode character', 'A', 'sesame\ud800'],
    ['it contains a code point that is not a Unicode character', 'B', 'sesame\u{1ffff}'],
    ['it is longer than the 128 KiB that Linux passes to a program', 'A', `sesame${'x'.repeat(131_072)}`],
    ['this is not a valid variable name', 'A B', 'sesame'],
    ['the shell reserves BASHOPTS', 'BASHOPTS', 'sesame'],
  ])('rejects a value because "%s" (%s), without quoting it', (why, name, value) => {
    const fault = faultOf(() => environmentFile({ [name]: value }))
    expect(fault).toMatchObject({ code: 'ENV_VALUE_INVALID', exitCode: 2 })
    expect(fault.message).toBe(`The environment variable ${name} cannot be passed to an application: ${why}.`)
    expect(fault.hint).not.toContain('sesame')
  })

  it.each(['dash', 'bash'])('is read unchanged by %s', shell => {
    const file = join(folder, `env-${shell}`)
    fc.assert(
      fc.property(fc.array(environmentValue, { minLength: 1, maxLength: 40 }), values => {
        const wanted = Object.fromEntries(values.map((text, i) => [`V${i}`, text]))
        writeFileSync(file, environmentFile(wanted))
        const out = execFileSync(shell, ['-c', 'set -eu; set -a; . "$1"; exec env -0', 'sh', file], {
          env: { PATH: process.env.PATH },
        })
        const seen = out
          .toString('utf8')
          .split('\0')
          .filter(each => /^V\d+=/.test(each))
        expect(new Set(seen)).toEqual(new Set(Object.entries(wanted).map(([name, text]) => `${name}=${text}`)))
      }),
      { numRuns: 12 },
    )
  })
})
