/** `task explain`: every error of the catalogues has an entry, and the command prints it without a Taskfile. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { slugOf } from '../../../docs/.vitepress/links.ts'
import { faultCatalogue } from '../../../faults.ts'
import { catalogue, fault } from '../../../index.ts'
import { explanationsIn, explanationText } from '../../../runner/cli/explain.ts'
import { report } from '../../../runner/engine/error-report.ts'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const explanations = explanationsIn(page)
const source = { folder: '.', files: [] }

it('explains each code of each catalogue: what happened, and what to do next', () => {
  const codes = Object.values(faultCatalogue).flatMap(faults => Object.keys(faults))
  for (const code of codes) {
    const { exit, happened, next } = explanations.get(code) ?? expect.fail(code)
    expect(exit, code).toMatch(/^Exit code (?:[123]|130): .+\.$/)
    expect([happened.length > 0, next.length > 0], code).toEqual([true, true])
  }
})

it('an explanation has the sentences of an error, with names for what only the error knows', () => {
  const { happened, next } = explanations.get('LOCK_TAKEN') ?? expect.fail()
  const owner = { by: 'ann', since: 'noon', doing: 'promote', deploy: 'd1' }
  const taken = faultCatalogue.slots.LOCK_TAKEN({ host: 'web-1', owner: owner as never })
  const known: Record<string, string> = { ...owner, host: 'web-1' }
  const filled = happened.map(text => text.replace(/<(\w+)>/g, (all, name) => known[name] ?? all))
  expect(filled).toContain(taken.message)
  expect(next).toEqual([taken.hint])
  expect(taken.explained).toBe(true)
})

it('an explanation ends with its place in the documentation', () => {
  const text = explanationText(explanations.get('LOCK_TAKEN') ?? expect.fail())
  expect(text.split('\n').at(-1)).toBe('In the documentation: docs/errors.md#lock_taken')
  expect(slugOf('LOCK_TAKEN')).toBe('lock_taken')
})

it('an error names the command, and one of a plugin does not, because the command has no entry for it', () => {
  const lock = faultCatalogue.slots.LOCK_TAKEN({ host: 'web-1', owner: undefined })
  const flag = faultCatalogue.runner.FLAG_WITH_VALUE({ flag: '--json', value: 'x' })
  for (const fault of [lock, flag]) expect(report(fault, source)).toMatchObject({ explained: true })
  const entry = fault<undefined>({ exitCode: 1, message: () => 'It broke.', hint: () => 'Mend it.' })
  const { BROKEN } = catalogue({ BROKEN: entry })
  expect(report(BROKEN(undefined), source)).not.toHaveProperty('explained')
})

it('the page has an entry for what is thrown without a code', () => {
  expect(explanations.has(report(new Error('x'), source).code)).toBe(true)
  expect(explanations.has(report('x', source).code)).toBe(true)
})

it('reads the entry of a page back without the escapes of Markdown, and fits a terminal', () => {
  const [entry = expect.fail()] = explanationsIn(
    '# Errors\n\n## One\n\n### A_B\n\nExit code 3: refused.\n\n- `<a>` of \\<b\\_c>.\n- Or\n  not.\n\nNext:\n\n- Look.\n\nMore\nof it.\n\n## Two\n',
  ).values()
  expect(entry).toEqual({
    code: 'A_B',
    exit: 'Exit code 3: refused.',
    happened: ['`<a>` of <b_c>.', 'Or not.'],
    next: ['Look.'],
    about: ['More of it.'],
    page: 'docs/errors.md#a_b',
  })
  const lines = explanationText(explanations.get('LIVE_UNKNOWN') ?? expect.fail(), 40).split('\n')
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(40)
})
