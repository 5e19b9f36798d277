/** A kind of application that `init` can write a Taskfile for. The kinds are in `stacks/`, and their order in `stacks.ts`. */
import type { Folder } from './folder.ts'

/** The routers that a Taskfile can get, the one that is proposed first. */
export const ROUTERS = ['nginx', 'caddy', 'haproxy'] as const
export type RouterName = (typeof ROUTERS)[number]

export interface Stack {
  /** For `--stack`. */
  readonly name: string
  /** Such as `a Node.js application`. */
  readonly title: string
  /** The file that shows that the folder has such an application; undefined if it has none. */
  found(folder: Folder): string | undefined
  /** What the application calls itself, as written in its files. */
  nameIn?(folder: Folder): string | undefined
  /** The routers that can serve it. @default all of them */
  routers?(folder: Folder): readonly RouterName[]
  parts(folder: Folder, setting: Setting): StackParts
}

/** What is known when the parts are made. */
export interface Setting {
  /** The name of the application in the Taskfile. */
  readonly app: string
  /** The host name of the site. */
  readonly site: string
}

/** What a Taskfile and the files beside it have for one application. Lines of TypeScript and YAML are indented from 0. */
export interface StackParts {
  /** What the Taskfile imports, beside the router, `project` and `ssh`. */
  readonly imports: readonly string[]
  readonly build: string
  readonly runtime: string
  /** Further options of `project()`, such as `shared: ['storage']`. */
  readonly options?: readonly string[]
  /** Debian packages that the application needs on its host. */
  readonly packages?: readonly string[]
  /** Whether the runtime itself answers /health with the version. */
  readonly answersHealth?: boolean
  /** Headers of the health check. */
  readonly healthHeaders?: Readonly<Record<string, string>>
  /** Standard tasks that this kind has beside those that all have. */
  readonly tasks?: readonly string[]
  /** Missing for an application that has no environment. */
  readonly env?: readonly Variable[]
  /** What the host needs, or what to know before the first deploy. One sentence each. */
  readonly notes: readonly string[]
  /** Steps of a GitHub workflow and commands of a GitLab job that bring what the build needs, beside Node.js. */
  readonly ci?: { readonly github?: readonly string[]; readonly gitlab?: readonly string[] }
}

/** A variable of the environment file. */
export interface Variable {
  readonly name: string
  /** Undefined for a value that somebody has to fill in. */
  readonly value?: string
  /** Makes a random value, which gets into the file that git ignores and into nothing else. */
  readonly secret?: () => string
  /** In the file, above the variable. */
  readonly comment?: string
}

/** TypeScript of a text. */
export const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`

/** TypeScript of a call with an object, such as `service({ start: 'puma' })`, on several lines if one is too long. */
export function call(name: string, options: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const line = `${name}({ ${given.map(([key, value]) => `${key}: ${value}`).join(', ')} })`
  if (given.length === 0) return `${name}()`
  if (line.length <= WIDTH && !line.includes('\n')) return line
  return `${name}({\n${given.map(([key, value]) => indented(`${key}: ${value},`)).join('\n')}\n})`
}

/** Columns of a line of the Taskfile, without its indentation. */
const WIDTH = 90

export const indented = (text: string, by = 2): string => text.replace(/^(?=.)/gm, ' '.repeat(by))

/** TypeScript of a build of the commit with commands on this machine, which turn a checkout into the release. */
export const builtBy = (...commands: readonly string[]): string =>
  call('git', { build: call('command', { run: quoted(commands.join(' && ')), artifact: quoted('.') }) })

export const BUILT_BY = ['command', 'git']

/** What is true of every build that packs what a language's package manager installed. */
export const sameAs = (what: string): string =>
  `This machine builds: the host needs the same ${what}, because what is installed here runs there. What \`packages\` lists comes from its distribution.`
