/** Where the variables of an application come from: files, this process, and the programs of password managers and clouds. */
import { resolve } from 'node:path'
import { isFault } from '../../runner/fault.ts'
import { checked, type Fields, fields, list, optional, text } from '../../runner/taskfile/shape.ts'
import { type Environment, environmentFile, readEnvironment } from './environment.ts'
import { environmentFaults as faults } from './environment-faults.ts'

/** One source of variables. Creating one reads nothing. */
export interface EnvironmentSource {
  /** The name of the factory: `file`, `onePassword`. */
  readonly name: string
  /** What it reads, for people: no secret. @example 'sops secrets.enc.yaml' */
  readonly title: string
  /** Names of variables whose values are not secret. */
  readonly plain: readonly string[]
  /** Set if each command reads it, because that is quick and asks nobody. Otherwise only commands that need the variables do. */
  readonly always?: boolean
  /** Values to redact in commands that do not read it. Asks nobody, and never fails. */
  known?(reading: Reading): Promise<Environment>
  /** Called at most once a run, at the same time as the other sources. */
  read(reading: Reading): Promise<Environment>
}

/** What a source needs of a run. */
export interface Reading {
  /** The folder of the Taskfile. */
  readonly folder: string
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface PlainOptions {
  /**
   * Names of variables whose values are not secret, so that they are not redacted.
   *
   * @default none
   */
  readonly plain?: readonly string[]
}

/** For the options of any source. */
export const plainRules: Fields<PlainOptions> = { plain: optional(list(text)) }
const PLAIN = fields<PlainOptions>(plainRules)

/**
 * An environment file.
 *
 * @param path relative to the Taskfile
 * @example env: [file('.env.production', { plain: ['STRIPE_MODE'] })]
 * @throws ENV_FILE_UNREADABLE, ENV_LINE_INVALID when it is read
 */
export function file(path: string, options: PlainOptions = {}): EnvironmentSource {
  checked('file()', text, path)
  const { plain = [] } = checked('file()', PLAIN, options)
  const read = ({ folder }: Pick<Reading, 'folder'>) => readEnvironment(resolve(folder, path))
  return { name: 'file', title: path, plain, always: true, known: read, read }
}

/**
 * Variables of this process, such as those that a CI system sets.
 *
 * @example env: [fromProcess(['DATABASE_URL', 'SECRET_KEY_BASE'])]
 * @throws ENV_VARIABLES_MISSING when a command that needs them is run without one of them
 */
export function fromProcess(names: readonly string[], options: PlainOptions = {}): EnvironmentSource {
  checked('fromProcess()', list(text), names)
  const { plain = [] } = checked('fromProcess()', PLAIN, options)
  const present = ({ env }: Pick<Reading, 'env'>) =>
    Object.fromEntries(names.flatMap(name => (env[name] === undefined ? [] : [[name, env[name]]])))
  return {
    name: 'fromProcess',
    title: `this process: ${names.join(', ')}`,
    plain,
    known: async reading => present(reading),
    async read(reading) {
      const missing = names.filter(name => reading.env[name] === undefined)
      if (missing.length > 0) throw faults.ENV_VARIABLES_MISSING({ names: missing })
      return present(reading)
    },
  }
}

export const isSource = (value: unknown): value is EnvironmentSource =>
  typeof value === 'object' && value !== null && 'read' in value && typeof value.read === 'function' && 'title' in value

/** What was read of one source. */
export interface ReadSource {
  readonly source: EnvironmentSource
  /** Undefined if it was not asked. */
  readonly values: Environment | undefined
  /** Why it could not be read, where that is no error. */
  readonly problem?: string
}

interface ReadOptions {
  /** Whether the command needs the variables; otherwise only those sources are read that each command reads. */
  readonly needed: boolean
  /** Whether a missing file is no error, as for `config`, which may run where the file is not. */
  readonly lenient: boolean
}

/** Reads the sources, all at once. @throws the fault of the first that cannot be read */
export const readSources = (
  sources: readonly EnvironmentSource[],
  reading: Reading,
  { needed, lenient }: ReadOptions,
): Promise<readonly ReadSource[]> =>
  Promise.all(
    sources.map(async (source): Promise<ReadSource> => {
      if (!needed && !source.always) return { source, values: undefined }
      try {
        const values = await source.read(reading)
        // An invalid name or value is reported before anything is contacted.
        environmentFile(values)
        return { source, values }
      } catch (error) {
        if (!lenient || !isFault(error) || error.code !== 'ENV_FILE_UNREADABLE') throw error
        return { source, values: undefined, problem: error.message }
      }
    }),
  )

/** The values that are known without asking anybody, with those of unreadable files left out. */
export async function knownValues(
  sources: readonly EnvironmentSource[],
  reading: Reading,
): Promise<readonly ReadSource[]> {
  const found = await Promise.allSettled(sources.map(async source => source.known?.(reading)))
  return sources.map((source, i) => {
    const result = found[i]
    return { source, values: result?.status === 'fulfilled' ? result.value : undefined }
  })
}

/** All variables. A later source overrides an earlier one. */
export const merged = (read: readonly ReadSource[]): Environment =>
  Object.assign({}, ...read.map(({ values }) => values))
