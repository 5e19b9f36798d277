import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { sh } from '../../../host/script.ts'
import { environmentChanges, environmentSummary } from '../../../slots/environment/changes.ts'
import { type Environment, environmentFile } from '../../../slots/environment/environment.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-changes-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The output of the script when the file on the host contains `before` and the new content arrives on stdin. */
function printed(before: string | undefined, after: string): string {
  const path = join(folder, "the slot's env")
  rmSync(path, { force: true })
  if (before !== undefined) writeFileSync(path, before)
  const { text, writes } = environmentChanges(path, '-')
  expect(writes).toBe(false)
  // `cat` reads the rest of the input: an unread pipe would fail the script.
  return execFileSync('bash', ['-c', `set -eu -o pipefail\n${text}\ncat > /dev/null`], {
    input: after,
    encoding: 'utf8',
  })
}
const summary = (before: Environment, after: Environment) =>
  environmentSummary(printed(environmentFile(before), environmentFile(after)))

describe('the changes of an environment', () => {
  it('are listed by name', () => {
    const before = { KEPT: 'same', GONE: 'sesame', CHANGED: 'open', ALSO: '1' }
    const after = { KEPT: 'same', CHANGED: 'sesame', NEW: 'secret', ALSO: '1.0' }
    expect(summary(before, after)).toBe('environment: changed CHANGED, new NEW, changed ALSO, gone GONE')
  })

  it('are empty when only the order differs', () => {
    expect(summary({ A: '1', B: '2' }, { B: '2', A: '1' })).toBe('')
  })

  it('are empty when there was no file before', () => {
    expect(environmentSummary(printed(undefined, environmentFile({ A: '1' })))).toBe('')
  })

  it('list every variable when the old or the new file is empty', () => {
    expect(summary({}, { A: '1', B: '2' })).toBe('environment: new A, new B')
    expect(summary({ A: '1', B: '2' }, {})).toBe('environment: gone A, gone B')
  })

  it('can be read from two files', () => {
    const [one, other] = ['one', 'other'].map(name => join(folder, name)) as [string, string]
    writeFileSync(one, environmentFile({ A: '1' }))
    writeFileSync(other, environmentFile({ A: '2' }))
    const script = sh.lines(sh.read`next=${other}`, environmentChanges(one, sh.read`"$next"`))
    expect(execFileSync('bash', ['-c', script.text], { encoding: 'utf8' })).toBe('environment changed A\n')
  })

  it.each([
    ['a multi-line key without its quotes', 'A=-----BEGIN\nc2VzYW1l==\nSESAME="x"\n'],
    ['an unclosed quote', 'A="sesame\nB=c2VzYW1l\n'],
    ['a comment', '# sesame\nA="1"\n'],
  ])('are not computed for a file with %s, where a value could be mistaken for a name', (_, before) => {
    const output = printed(before, environmentFile({ A: '1' }))
    expect(output).toBe('environment foreign\n')
    expect(environmentSummary(output)).toBe('environment: not compared, the file on the host was edited by hand')
  })

  it('are correct for any values: line breaks, quotes, backslashes, text that looks like a variable', () => {
    // These are reserved in the shell and rejected in an environment file, which environment.test.ts covers.
    const name = fc.stringMatching(/^[A-Z][A-Z_]{0,3}$/).filter(text => !['UID', 'EUID', 'PPID'].includes(text))
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
        const output = printed(environmentFile(before), environmentFile(after))
        expect(output.split('\n').filter(Boolean)).toEqual(expected.map(change => `environment ${change}`))
      }),
      { numRuns: 200 },
    )
  })
})
