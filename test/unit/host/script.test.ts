import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quote, sh } from '../../../host/script.ts'

test('quote() makes one shell word of any text, in bash and in a POSIX shell', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 30 }).map(text => text.replaceAll('\0', ''))
  fc.assert(
    fc.property(fc.array(word, { minLength: 20, maxLength: 200 }), words => {
      const script = `printf '%s\\0' ${words.map(quote).join(' ')}`
      for (const shell of ['bash', 'sh']) {
        const output = execFileSync(shell, ['-c', script], { encoding: 'utf8' })
        expect(output).toBe(words.map(text => `${text}\0`).join(''))
      }
    }),
    { numRuns: 20 },
  )
})

test('a script quotes strings and numbers as one word, and lists as several', () => {
  expect(sh.read`cp ${['a b', 'c']} ${3} ${"it's"}`.text).toBe(`cp 'a b' c 3 'it'\\''s'`)
})

test('a script within a script is inserted unquoted', () => {
  expect(sh.read`sudo -n ${sh.read`cat ${'a b'}`} | wc -l`.text).toBe(`sudo -n cat 'a b' | wc -l`)
})

test('a script that contains a writing script counts as writing', () => {
  expect(sh.read`a`.writes).toBe(false)
  expect(sh.write`a`.writes).toBe(true)
  expect(sh.read`if ${sh.write`a`}; then b; fi`.writes).toBe(true)
  expect(sh.lines(sh.read`a`, sh.write`b`)).toEqual({ writes: true, text: 'a\nb' })
})
