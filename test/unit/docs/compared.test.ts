/** Each command of ours in docs/compared.md exists, and the test that it names runs it. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { HOME } from '../../../dev/paths.ts'
import { tasks } from '../../../docs/generate/commands.ts'
import { kebab } from '../../../runner/cli/commands-of.ts'

const PAGE = 'docs/compared.md'
const page = readFileSync(join(HOME, PAGE), 'utf8')

/** The cells of the table whose first column has this name. */
const rowsOf = (head: string): readonly string[][] => {
  const [, table = ''] = new RegExp(`^\\| ${head && `${head} `}\\|.*\\n\\|.*\\n((?:\\|.*\\n)+)`, 'm').exec(page) ?? []
  return table
    .trimEnd()
    .split('\n')
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
}
const rows = rowsOf('to')
const features = rowsOf('')

/** The files that a cell links to. */
const filesIn = (proof: string): readonly string[] =>
  [...proof.matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => join(HOME, dirname(PAGE), path))

/** The steps of a deploy are commands too, of the row of `deploy`. */
const STEPS = ['build', 'preflight', 'upload', 'detect-live', 'stop-idle', 'start-idle', 'check-idle']

const wordsOf = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => code.split(' '))

it.each(rows)('the row "%s", by %s, is proved by a test that runs it', (...cells) => {
  expect(cells).toHaveLength(7)
  const [, ours = '', , , , , proof = ''] = cells
  const files = filesIn(proof)
  expect(files.length).toBeGreaterThan(0)
  expect(files.filter(path => !existsSync(path))).toEqual([])
  const source = files.map(path => readFileSync(path, 'utf8')).join('\n')
  const words = wordsOf(ours)
  expect(words.length).toBeGreaterThan(0)
  const missing = words.filter(word => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(source))
  expect(missing).toEqual([])
})

it.each(features)('%s of ours, %s, is proved by a test', (...cells) => {
  expect(cells).toHaveLength(7)
  const [, ours = '', , , , , proof = ''] = cells
  const files = filesIn(proof)
  expect(files.filter(path => !existsSync(path))).toEqual([])
  // Nothing to prove: what we do not have.
  if (files.length === 0) expect([ours, proof]).toEqual([expect.stringMatching(/^(?:no|\*\*none yet\*\*)$/), '-'])
})

it('the comparison has every standard task', () => {
  const words = rows.flatMap(([, ours = '']) => wordsOf(ours))
  expect(
    Object.keys(tasks)
      .map(kebab)
      .filter(name => !STEPS.includes(name) && !words.includes(name)),
  ).toEqual([])
})
