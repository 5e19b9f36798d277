import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { sh } from '../../../host/script.ts'
import { environmentChanges, environmentWords } from '../../../slots/environment/changes.ts'
import { type Environment, environmentFile } from '../../../slots/environment/environment.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-changes-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What the host prints, when its file holds `before` and the next one comes by standard input. */
function printed(before: string | undefined, after: string): string {
  const path = join(folder, "the slot's env")
  rmSync(path, { force: true })
  if (before !== undefined) writeFileSync(path, before)
  const { text, writes } = environmentChanges(path, '-')
  expect(writes).toBe(false)
  // What nobody reads would break the pipe.
  return execFileSync('bash', ['-c', `set -eu -o pipefail\n${text}\ncat > /dev/null`], {
    input: after,
    encoding: 'utf8',
  })
}
const words = (before: Environment, after: Environment) =>
  environmentWords(printed(environmentFile(before), environmentFile(after)))

describe('what changes in an environment', () => {
  it('is told by the names', () => {
    const before = { KEPT: 'same', GONE: 'sesame', CHANGED: 'open', ALSO: '1' }
    const after = { KEPT: 'same', CHANGED: 'sesame', NEW: 'secret', ALSO: '1.0' }
    expect(words(before, after)).toBe('environment: changed CHANGED, new NEW, changed ALSO, gone GONE')
  })

  it('is nothing when the same variables come in another order', () => {
    expect(words({ A: '1', B: '2' }, { B: '2', A: '1' })).toBe('')
  })

  it('is nothing when there was no file before', () => {
    expect(environmentWords(printed(undefined, environmentFile({ A: '1' })))).toBe('')
  })

  it('is everything when the file was empty, or will be', () => {
    expect(words({}, { A: '1', B: '2' })).toBe('environment: new A, new B')
    expect(words({ A: '1', B: '2' }, {})).toBe('environment: gone A, gone B')
  })

  it('can be read of two files as well', () => {
    const [one, other] = ['one', 'other'].map(name => join(folder, name)) as [string, string]
    writeFileSync(one, environmentFile({ A: '1' }))
    writeFileSync(other, environmentFile({ A: '2' }))
    const script = sh.lines(sh.read`next=${other}`, environmentChanges(one, sh.read`"$next"`))
    expect(execFileSync('bash', ['-c', script.text], { encoding: 'utf8' })).toBe('environment changed A\n')
  })

  it.each([
    ['a key whose quotes were taken away', 'A=-----BEGIN\nc2VzYW1l==\nSESAME="x"\n'],
    ['a quote that never ends', 'A="sesame\nB=c2VzYW1l\n'],
    ['a comment', '# sesame\nA="1"\n'],
  ])('is not looked for in a file with %s, where a value could be taken for a name', (_, before) => {
    const said = printed(before, environmentFile({ A: '1' }))
    expect(said).toBe('environment foreign\n')
    expect(environmentWords(said)).toBe('environment: not compared, somebody changed the file on the host by hand')
  })

  it('is found out for any values: line breaks, quotes, backslashes, what looks like another variable', () => {
    // The three of such a length that the shell keeps for itself stand in no environment file: that is refused, and tested there.
    const name = fc.stringMatching(/^[A-Z][A-Z_]{0,3}$/).filter(it => !['UID', 'EUID', 'PPID'].includes(it))
    const piece = fc.constantFrom('\\', '"', '\n', '`', '$', '=', 'Q="', "'", '\\"', 'é', 'x', '0', ' ', '%s', '&')
    const value = fc.array(piece, { maxLength: 8 }).map(pieces => pieces.join(''))
    const values = fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true })
    fc.assert(
      fc.property(values, values, (before, after) => {
        const expected = [
          ...Object.keys(after).flatMap(key =>
            !(key in before) ? [`new ${key}`] : before[key] === after[key] ? [] : [`changed ${key}`],
          ),
          ...Object.keys(before).flatMap(key => (key in after ? [] : [`gone ${key}`])),
        ]
        const said = printed(environmentFile(before), environmentFile(after))
        expect(said.split('\n').filter(Boolean)).toEqual(expected.map(words => `environment ${words}`))
      }),
      { numRuns: 200 },
    )
  })
})
