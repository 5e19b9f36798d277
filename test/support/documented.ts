/** The commands that a page of docs/ shows, each with the test that compares its output, and how outputs are compared. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

export interface Shown {
  /** The path of the test. */
  readonly test: string
  /** Without `npx task`. */
  readonly command: string
  /** A first line `...` leaves out what is above, and a last one the rest. */
  readonly output: string
}

const pathOf = (page: string): string => fileURLToPath(new URL(`../../docs/${page}`, import.meta.url))
const BLOCK = /^(?:<!-- output: (\S+) -->\n\n)? {4}\$ npx task(.*)\n((?: {4}.*\n|\n(?= {4}(?!\$)))*)/gm

export const shownOn = (page: string): readonly Shown[] =>
  [...readFileSync(pathOf(page), 'utf8').matchAll(BLOCK)].map(([, test = '', command = '', output = '']) => ({
    test,
    command: command.trim(),
    output: output.replace(/^ {4}/gm, '').trimEnd(),
  }))

/** What differs from run to run, and what it is called instead. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/\b\d\d:\d\d:\d\d(?:\.\d+)?\b/g, '<time>'],
  [/\b\d{8}T\d{6}Z-[0-9a-f]{4}\b/g, '<run>'],
  [/(\b\d+\.\d+\.\d+-)[0-9a-f]{7}\b/g, '$1<sha>'],
  [/\bsha256 [0-9a-f]{7}\b/g, 'sha256 <sha>'],
  [/\b[0-9a-f]{10}\b/g, '<revision>'],
  [/\blast old (?:none|after \d+ ms)/g, 'last old <ms>'],
  [/\b\d+ (?:try|tries)\b/g, '# tries'],
  [/\b(?:\d+ min )?\d+(?:\.\d+)? (?=(?:ms|s|min|B|kB|MB|GB|probes|cores|requests sent)\b)/g, '# '],
  [/\b(?:\d+[dhm] )?\d+[dhms]\b/g, '<age>'],
  [/\b\d+(?:\.\d+)? ?%/g, '# %'],
  [/(?<=process )\d+|\d+(?= inodes)/g, '#'],
  // The process of a slot in a table.
  [/(?<=running {2,})\d+(?= )/g, '#'],
  // What hosts say is printed once if they happen to say the same.
  [/\b[\w-]+: ([^;\n]+); [\w-]+: \1(?= \()/g, '$1'],
  // Each table is as wide as its cells.
  [/ {2,}(?=\S)/g, '  '],
]

/** An output without what differs from run to run. */
export const normal = (text: string): string =>
  byLabel(VARYING.reduce((out, [pattern, name]) => out.replace(pattern, name), text).replace(/ +$/gm, ''))

/** Lines that several hosts print at the same time come in any order: in that of their labels, if all have one. */
function byLabel(text: string): string {
  const lines = text.trimEnd().split('\n')
  const labelOf = (line: string) => /^[\w-]+ +\| /.exec(line)?.[0] ?? ''
  if (lines.some(line => labelOf(line) === '')) return text
  return lines.toSorted((a, b) => labelOf(a).localeCompare(labelOf(b))).join('\n')
}

/**
 * Expects a command to have printed what the page shows for it. With WRITE_DOCS=1 the page is changed instead, for somebody to read.
 *
 * @param test its path
 */
export function expectShown(page: string, test: string, command: string, output: string): void {
  const shown =
    shownOn(page).find(block => block.test === test && block.command === command) ??
    expect.fail(`docs/${page} has no output of \`npx task ${command}\` that ${test} compares`)
  const lines = shown.output.split('\n')
  const kept = lines.filter(line => line !== '...')
  const printed = output.trimEnd().split('\n')
  const [above, below] = [lines[0] === '...', lines.at(-1) === '...']
  const compared = above ? printed.slice(-kept.length) : below ? printed.slice(0, kept.length) : printed
  const dots = (left: boolean) => (left ? ['...'] : [])
  if (process.env.WRITE_DOCS === '1') write(page, shown, [...dots(above), ...compared, ...dots(below)])
  else expect(normal(compared.join('\n'))).toBe(normal(kept.join('\n')))
}

function write(page: string, { test, command }: Shown, lines: readonly string[]): void {
  const text = readFileSync(pathOf(page), 'utf8')
  const indented = lines.map(line => (line === '' ? '\n' : `    ${line}\n`)).join('')
  const changed = text.replace(BLOCK, (block, ofTest, ofCommand) =>
    ofTest === test && ofCommand.trim() === command
      ? `<!-- output: ${test} -->\n\n    $ npx task ${command}\n${indented}`
      : block,
  )
  writeFileSync(pathOf(page), changed)
}

/** The words of a command line, with quotes as in a shell. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? '')
