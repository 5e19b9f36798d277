/** The environment file and its example. Pure, but for the random values. */
import type { Variable } from './stack.ts'

export const ENV_FILE = '.env.production'
/** What `npx task rehearse` gives to the application. */
export const ENV_REHEARSAL = '.env.rehearsal'
export const ENV_EXAMPLE = `${ENV_FILE}.example`

/** For an application that says nothing of its environment. */
const NONE = '# NAME=value\n'

const linesOf = (variables: readonly Variable[], value: (variable: Variable) => string): string =>
  variables.length === 0 ? NONE : variables.map(variable => lineOf(variable, value(variable))).join('')

const lineOf = ({ name, comment }: Variable, value: string): string =>
  `${comment === undefined ? '' : `# ${comment}\n`}${name}=${value}\n`

/** For git: no value that is secret. */
export const exampleText = (variables: readonly Variable[]): string =>
  `# What the application gets as its environment. Copy it to ${ENV_FILE}, which git ignores, and fill it in.\n${linesOf(variables, ({ value }) => value ?? '')}`

/** The first line of the file, if `init` made it. */
export const ENV_HEADER = `# The environment of the application. Keep it out of git; ${ENV_EXAMPLE} lists the names.`

/** For this machine alone. */
export const environmentText = (variables: readonly Variable[]): string =>
  `${ENV_HEADER}\n${linesOf(variables, ({ value, secret }) => value ?? secret?.() ?? '')}`

/** The variables that somebody has to fill in. */
export const toFillIn = (variables: readonly Variable[]): string[] =>
  variables.flatMap(({ name, value, secret }) => (value === undefined && secret === undefined ? [name] : []))
