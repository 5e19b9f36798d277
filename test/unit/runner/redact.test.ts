import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineCutter } from '../../../runner/output/lines.ts'
import { MASK, redactor } from '../../../runner/secrets/redact.ts'

const hiding = (...values: string[]) => {
  const made = redactor()
  made.hide(values)
  return made
}

describe('the redactor', () => {
  it('redacts every occurrence of a value', () => {
    expect(hiding('hunter2').text('a hunter2 b hunter2')).toBe(`a ${MASK} b ${MASK}`)
  })

  it('redacts values that are added later', () => {
    const made = redactor()
    expect(made.text('s3cret')).toBe('s3cret')
    made.hide(['s3cret'])
    expect(made.text('s3cret')).toBe(MASK)
  })

  it('does not redact values of fewer than four characters', () => {
    expect(hiding('1', 'on', 'abc', '').text('1 on abc 100')).toBe('1 on abc 100')
    expect(hiding('      ').text('      indented')).toBe('      indented')
  })

  it('redacts multi-line values whole and line by line', () => {
    const key = '-----BEGIN KEY-----\nMIIEvAIB\nab\n-----END KEY-----\n'
    const made = hiding(key)
    expect(made.text(`key: ${key}`)).toBe(`key: ${MASK}`)
    expect(made.text('  MIIEvAIB')).toBe(`  ${MASK}`)
    expect(made.text('ab')).toBe('ab')
  })

  it('redacts overlapping values as one', () => {
    expect(hiding('abcd', 'cdef').text('xabcdefx')).toBe(`x${MASK}x`)
    expect(hiding('abcd', 'abcdefgh').text('abcdefgh')).toBe(MASK)
  })

  const secret = `p"a's\\s/w?o$(r=d+\n&ünïcode`
  it.each([
    ['JSON', (text: string) => JSON.stringify({ text })],
    ['a URL', (text: string) => `https://x.example/?q=${encodeURIComponent(text)}&r=1`],
    ['a URL by RFC 3986', (text: string) => encodeURIComponent(text).replaceAll("'", '%27').replaceAll('(', '%28')],
    ['a form', (text: string) => new URLSearchParams({ q: text }).toString()],
    ['base64', (text: string) => Buffer.from(text).toString('base64')],
    ['base64 for URLs', (text: string) => Buffer.from(text).toString('base64url')],
    ['an environment file', (text: string) => `A="${text.replace(/["\\`$]/g, '\\$&')}"`],
    ['single quotes of a shell', (text: string) => `echo '${text.replaceAll("'", `'\\''`)}'`],
  ])('redacts a value encoded as %s', (_, write) => {
    const out = hiding(secret).text(write(secret))
    expect(out).toContain(MASK)
    expect(out).not.toMatch(/nïcode|n%C3%AFcode|a's|a%27s/)
    expect(out.length).toBeLessThan(60)
  })

  it.each(['u', 'us', 'user'])('redacts a password in the Basic header of the user %s', user => {
    const password = 'correct-horse-battery'
    const header = Buffer.from(`${user}:${password}:x`).toString('base64')
    const shown = hiding(password).text(header)
    const rest = Buffer.from(shown.replace(MASK, ''), 'base64').toString()
    expect(shown).toContain(MASK)
    expect(rest).not.toContain('horse')
  })

  it('redacts a value however the stream is split', () => {
    const word = fc.string({ minLength: 4, maxLength: 12, unit: fc.constantFrom('a', 'b', '\n', '"', 'é') })
    const secrets = fc.array(word, { minLength: 1, maxLength: 3 })
    const pieces = fc.array(fc.oneof(word, fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', 'x') })))
    fc.assert(
      fc.property(secrets, pieces, fc.array(fc.nat(7)), (hidden, parts, cuts) => {
        const made = hiding(...hidden)
        const whole = [...parts, ...hidden].join('')
        const stream = made.stream()
        let out = ''
        let rest = whole
        for (const cut of cuts) {
          out += stream.write(rest.slice(0, cut))
          rest = rest.slice(cut)
        }
        expect(out + stream.write(rest) + stream.end()).toBe(made.text(whole))
      }),
    )
  })

  it('passes text on at once when it cannot be part of a secret', () => {
    const stream = hiding('hunter2').stream()
    expect(stream.write('hello hun')).toBe('hello ')
    expect(stream.write('gry\n')).toBe('hungry\n')
    expect(stream.write('hunter')).toBe('')
    expect(stream.end()).toBe('hunter')
  })
})

describe('the lines of a stream', () => {
  const cut = (chunks: (string | Uint8Array)[], ...secrets: string[]) => {
    const lines: string[] = []
    const cutter = lineCutter(hiding(...secrets), line => lines.push(line))
    for (const chunk of chunks) cutter.write(chunk)
    cutter.end()
    return lines
  }

  it('end at line breaks, however the stream is split', () => {
    expect(cut(['a\nb', 'c\r', '\nd\n\n', 'e'])).toEqual(['a', 'bc', 'd', '', 'e'])
  })

  it('end at a carriage return, as in progress bars', () => {
    expect(cut(['10%\r20%\r', '30%\n'])).toEqual(['10%', '20%', '30%'])
  })

  it('keep a character whole when its bytes arrive separately', () => {
    const bytes = Buffer.from('größe\n')
    expect(cut([bytes.subarray(0, 3), bytes.subarray(3)])).toEqual(['größe'])
  })

  it('contain no terminal codes, and a line of only codes is dropped', () => {
    expect(cut(['\x1b[31mred\x1b[0m\n\x1b[?25h\n\n'])).toEqual(['red', ''])
  })

  it('redact a value that is split between chunks', () => {
    expect(cut(['pass=hun', 'ter2\nok hunt', 'er2'], 'hunter2')).toEqual([`pass=${MASK}`, `ok ${MASK}`])
  })
})
