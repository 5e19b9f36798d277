/** `task explain CODE`: the entry of an error in docs/errors.md, which is made from the catalogues. Needs no Taskfile. */
import { readFileSync } from 'node:fs'
import { runnerFaults } from '../faults.ts'
import { wrapped } from '../output/table.ts'
import { packageUrl } from '../package.ts'
import { type Arg, definer } from '../task.ts'
import { arg } from './args.ts'
import { EXPLAIN } from './commands-of.ts'
import { nearest } from './suggest.ts'

export interface Explanation {
  readonly code: string
  /** Such as `Exit code 3: refused.` */
  readonly exit: string
  /** What happened: one sentence for each case. */
  readonly happened: readonly string[]
  /** What to do next: one sentence for each case. */
  readonly next: readonly string[]
  /** Paragraphs. */
  readonly about: readonly string[]
  /** Where the documentation has it: a page of this package and of its site, with the anchor of the entry. */
  readonly page: string
}

const PAGE = 'docs/errors.md'

/** The entries of the page by their codes. */
export function explanationsIn(page: string): ReadonlyMap<string, Explanation> {
  const [, ...entries] = page.split(/^### /m)
  return new Map(
    entries.map(entry => {
      const [code = '', exit = '', ...parts] =
        entry
          .split(/^#/m)[0]
          ?.trim()
          .split(/\n{2,}/) ?? []
      const at = parts.indexOf('Next:')
      const items = (part: string | undefined) =>
        (part ?? '')
          .split(/\n?^- /m)
          .filter(Boolean)
          .map(plain)
      const about = parts.slice(at + 2).map(plain)
      const anchor = `${PAGE}#${code.toLowerCase()}`
      return [code, { code, exit, happened: items(parts[at - 1]), next: items(parts[at + 1]), about, page: anchor }]
    }),
  )
}

/** Without the escapes of Markdown outside of code. */
const plain = (text: string): string =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/\\([^\w\s])|\\(_)/g, '$1$2')))
    .join('')

export function explanationText({ code, exit, happened, next, about, page }: Explanation, columns?: number): string {
  const section = (title: string, sentences: readonly string[]) => [
    '',
    title,
    ...sentences.flatMap(sentence => wrapped(sentence, columns && columns - 2).map(line => `  ${line}`)),
  ]
  return [
    code,
    ...wrapped(exit, columns),
    ...section('What happened:', happened),
    ...section('What to do next:', next),
    ...about.flatMap(text => ['', ...wrapped(text, columns)]),
    '',
    ...wrapped(`In the documentation: ${page}`, columns),
  ].join('\n')
}

const all = explanationsIn(readFileSync(packageUrl(PAGE), 'utf8'))

const code: Arg<Explanation> = {
  ...arg.text('The code in brackets behind an error, such as LOCK_TAKEN'),
  offered: [...all.keys()],
  parse(raw) {
    const name = String(raw ?? '')
      .replace(/^\[|\]$/g, '')
      .toUpperCase()
    const found = all.get(name)
    if (!found) throw runnerFaults.UNKNOWN_CODE({ code: name, near: nearest(name, all.keys()) })
    return found
  },
  optional: () => {
    throw new TypeError('the code is required')
  },
}

export const explain = definer().task('Explain an error', {
  description: 'Prints what the code of an error means, and what to do next. Reads no Taskfile, and contacts nothing.',
  examples: [`${EXPLAIN} LOCK_TAKEN`, `${EXPLAIN} LIVE_UNKNOWN`],
  args: { code },
  streams: true,
  run: ({ code, show }) => show(columns => explanationText(code, columns), code),
})
