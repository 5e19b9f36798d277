/** docs/errors.md: every error of every catalogue, with an anchor. `npx task explain` reads the page. */
import ts from 'typescript'
import { markdown } from './markdown.ts'
import { declaredIn, type Source } from './program.ts'
import { sentencesOf } from './sentences.ts'

const MEANING: Readonly<Record<string, string>> = {
  1: 'failed; the live slot is as it was',
  2: 'invalid arguments or Taskfile; nothing was contacted',
  3: 'refused',
  130: 'interrupted',
}

/** What each catalogue is about, by its name in faults.ts. */
const TITLES: Readonly<Record<string, string>> = {
  runner: 'The command line, the Taskfile and the run',
  init: 'init',
  host: 'The connection to a host',
  slots: 'Slots, releases and the live slot',
  bootstrap: 'Preparing a bare server',
  environment: 'Environment files',
  probe: 'Probes',
  canary: 'Canaries',
  git: 'Revisions',
  remove: 'Removing an application',
  rehearse: 'Rehearsals',
  secrets: 'Sources of secrets',
  build: 'Build sources',
  registry: 'Registries of images',
  router: 'All routers, and nginx',
  caddy: 'Caddy',
  haproxy: 'HAProxy',
  runtime: 'Runtimes',
  swarm: 'Docker Swarm',
}

interface Entry {
  readonly code: string
  readonly exitCode: string
  readonly happened: readonly string[]
  readonly next: readonly string[]
  readonly about: string | undefined
}

/** What the report of an error makes of values that a task threw itself: they are in no catalogue. */
const THROWN: readonly Entry[] = [
  {
    code: 'FAILED',
    exitCode: '1',
    happened: ['<message of the error>'],
    next: ['Look at <the place in the Taskfile>.', 'Run it again with --verbose for the whole stack.'],
    about: 'A task, or a plugin, threw an error that has no code.',
  },
  {
    code: 'THROWN',
    exitCode: '1',
    happened: ['A task threw <value>, which is not an Error.'],
    next: ['Throw an Error, which records where it was thrown.'],
    about: undefined,
  },
]

export function errorsPage(source: Source): string {
  const found = declaredIn(source, 'faults.ts', 'faultCatalogue')
  if (!found || !ts.isObjectLiteralExpression(found)) throw new Error('faults.ts has no faultCatalogue')
  const groups = found.properties.map(property => {
    const name = property.name?.getText() ?? ''
    if (!ts.isPropertyAssignment(property) || !ts.isIdentifier(property.initializer)) throw new Error(name)
    const title = TITLES[name]
    if (title === undefined) throw new Error(`docs/generate/errors.ts has no title for the catalogue ${name}`)
    return { title, entries: entriesOf(property.initializer, source) }
  })
  return [
    '# Errors',
    '',
    '<!-- Generated from the catalogues by `npm run docs:generate`. -->',
    '',
    'Each error has its code in brackets. Below are what the codes mean and what to do next; `npx task explain LOCK_TAKEN` prints the same',
    'in a terminal. Words such as `<host>` stand for what the error itself names. [Troubleshooting](troubleshooting.md) begins with symptoms',
    'instead, and the [exit codes](commands.md#exit-codes) are for scripts.',
    ...[...groups, { title: 'Errors of your own tasks', entries: THROWN }].flatMap(({ title, entries }) => [
      '',
      `## ${title}`,
      ...entries.flatMap(entryLines),
    ]),
    '',
  ].join('\n')
}

const entryLines = ({ code, exitCode, happened, next, about }: Entry): string[] => [
  '',
  `### ${code}`,
  '',
  `Exit code ${exitCode}: ${MEANING[exitCode]}.`,
  '',
  ...happened.map(text => `- ${markdown(text)}`),
  '',
  'Next:',
  '',
  ...next.map(text => `- ${markdown(text)}`),
  ...(about === undefined ? [] : ['', markdown(about)]),
]

function entriesOf(catalogue: ts.Identifier, { checker }: Source): Entry[] {
  const symbol = checker.getSymbolAtLocation(catalogue)
  const declaration = symbol && checker.getAliasedSymbol(symbol).valueDeclaration
  const call = declaration && ts.isVariableDeclaration(declaration) ? declaration.initializer : undefined
  const table = call && ts.isCallExpression(call) ? call.arguments[0] : undefined
  if (!table || !ts.isObjectLiteralExpression(table)) throw new Error(`${catalogue.text} is no catalogue`)
  return table.properties.map(property => entryOf(property, checker))
}

function entryOf(property: ts.ObjectLiteralElementLike, checker: ts.TypeChecker): Entry {
  const code = property.name?.getText() ?? ''
  const made = ts.isPropertyAssignment(property) ? property.initializer : undefined
  const fields = made && ts.isCallExpression(made) ? made.arguments[0] : undefined
  if (!fields || !ts.isObjectLiteralExpression(fields)) throw new Error(`${code} is no fault`)
  const field = (name: string) => fields.properties.find(one => one.name?.getText() === name)
  const value = (name: string) => {
    const found = field(name)
    if (!found) return undefined
    return ts.isPropertyAssignment(found) ? found.initializer : ts.isMethodDeclaration(found) ? found : undefined
  }
  const sentences = (name: string) => {
    const maker = value(name)
    return maker ? sentencesOf(maker, checker) : []
  }
  const about = value('about')
  return {
    code,
    exitCode: value('exitCode')?.getText() ?? '',
    happened: sentences('message'),
    next: sentences('hint'),
    about: about && ts.isStringLiteralLike(about) ? about.text : undefined,
  }
}
