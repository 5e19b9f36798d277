/** Databases of the distribution on the application's host: PostgreSQL and Redis, which listen on loopback. */
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, mapped, type Query } from '../../host/query.ts'
import type { Script } from '../../host/script.ts'
import { rootReader, rootShell } from '../../host/sudo.ts'
import { listed } from '../../runner/units.ts'
import { sectionsOf } from '../preflight/sections.ts'
import { bootstrapFaults } from './bootstrap-faults.ts'

/** What a Taskfile asks for. */
export interface Accessories {
  /** A role and a database of its own; `true` for those of the application's name. */
  readonly postgres?: true | { readonly database?: string }
  readonly redis?: true
}

export interface AccessoryRequest {
  /** The name of the role and of the database; undefined without PostgreSQL. */
  readonly database: string | undefined
  readonly redis: boolean
  /** The environment file of this machine; undefined without one. */
  readonly file: string | undefined
  /** Whether to write the URLs into that file. */
  readonly write: boolean
  /** The variables that have a value in it. */
  readonly known: readonly string[]
  /** The other hosts of the application, which have no databases. */
  readonly others: readonly string[]
}

export interface AccessoryFacts {
  readonly role: boolean
  readonly password: boolean
  readonly database: boolean
  /** The addresses that each server listens on; undefined while it is not installed. */
  readonly postgresAt: string | undefined
  readonly redisAt: string | undefined
}

export interface AccessoryPlan {
  readonly there: readonly string[]
  readonly done: readonly string[]
  readonly offered: readonly string[]
  /** Whether to create the role and the database. */
  readonly create: boolean
  /** Whether to set a password, and to write the URL. */
  readonly password: boolean
  /** Whether to write the URL of Redis. */
  readonly redis: boolean
}

export const DATABASE_URL = 'DATABASE_URL'
export const REDIS_URL = 'REDIS_URL'
/** Redis asks for no password, and only processes of the host reach it. */
export const REDIS = 'redis://127.0.0.1:6379/0'
export const databaseUrl = (database: string, password: string): string =>
  `postgres://${database}:${password}@127.0.0.1:5432/${database}`

export const packagesOf = ({ database, redis }: Pick<AccessoryRequest, 'database' | 'redis'>): readonly string[] => [
  ...(database === undefined ? [] : ['postgresql']),
  ...(redis ? ['redis-server'] : []),
]

export const accessoriesScript = ({ database = '', redis }: Pick<AccessoryRequest, 'database' | 'redis'>): Script =>
  program(new URL('./inspect-accessories.sh', import.meta.url), { parameters: { database, redis: redis ? 'yes' : '' } })

export const inspectAccessories = (request: AccessoryRequest): Query<AccessoryFacts> =>
  mapped(
    capture(rootReader, text => text, { input: accessoriesScript(request).text }),
    parseAccessories,
  )

export function parseAccessories(text: string): AccessoryFacts {
  const section = sectionsOf(text)
  const lines = section('postgres')
  return {
    role: lines.includes('role'),
    password: lines.includes('password'),
    database: lines.includes('database'),
    postgresAt: lines.find(line => line.startsWith('listens '))?.slice('listens '.length),
    redisAt: section('redis')[0] || undefined,
  }
}

/** The servers that do not answer. */
export const silent = (
  { database, redis }: Pick<AccessoryRequest, 'database' | 'redis'>,
  { postgresAt, redisAt }: AccessoryFacts,
): readonly string[] => [
  ...(database !== undefined && postgresAt === undefined ? ['PostgreSQL does not answer.'] : []),
  ...(redis && redisAt === undefined ? ['Redis does not answer.'] : []),
]

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|-?::1|-?::|)$/
/** Of a list of addresses, those that others reach. */
const reachable = (addresses = '') => addresses.split(/[\s,]+/).filter(address => !LOOPBACK.test(address))

export function planAccessories(request: AccessoryRequest, facts: AccessoryFacts): AccessoryPlan {
  const { database, redis, file, write, known, others } = request
  const create = database !== undefined && !(facts.role && facts.database)
  const lacksUrl = database !== undefined && !known.includes(DATABASE_URL)
  const lacksRedis = redis && !known.includes(REDIS_URL)
  const toFile = write && file !== undefined
  const password = toFile && lacksUrl && !facts.password
  const open = [
    ...reachable(facts.postgresAt).map(address => `PostgreSQL listens on ${address}`),
    ...reachable(facts.redisAt).map(address => `Redis listens on ${address}`),
  ]
  return {
    create,
    password,
    redis: toFile && lacksRedis,
    there: [
      ...(database !== undefined && !create ? [`PostgreSQL has the database ${database}.`] : []),
      ...(facts.redisAt === undefined ? [] : ['Redis runs.']),
    ],
    done: [
      ...(create ? [`Create the role and the database ${database} in PostgreSQL.`] : []),
      ...(password
        ? [`Give the role ${database} a random password, and write ${DATABASE_URL} into ${file} on this machine.`]
        : []),
      ...(toFile && lacksRedis ? [`Write ${REDIS_URL} into ${file} on this machine.`] : []),
    ],
    offered: [
      ...open.map(what => `${what}, where other machines reach it.`),
      ...(others.length > 0 && open.length === 0
        ? [
            `The databases are on this host alone, and listen on loopback: the application on ${listed(others)} does not reach them.`,
          ]
        : []),
      ...(lacksUrl && facts.password
        ? [`The role ${database} has a password, which only those know who have ${DATABASE_URL}.`]
        : []),
      ...(!toFile && ((lacksUrl && !facts.password) || lacksRedis)
        ? [
            file === undefined
              ? 'The Taskfile names no environment file (`env`) for the URLs.'
              : `--write-env writes the URLs into ${file} on this machine, with a random password.`,
          ]
        : []),
    ],
  }
}

export const makeDatabase = (database: string): Script =>
  program(new URL('./make-database.sh', import.meta.url), { writes: true, parameters: { database } })

export const setPassword = (database: string): Script =>
  program(new URL('./set-password.sh', import.meta.url), { writes: true, parameters: { database, ...EXIT.bootstrap } })

/** @throws BOOTSTRAP_DATABASE_FAILED */
export const createDatabase = (database: string): Query<void> => ({
  script: rootShell,
  input: makeDatabase(database).text,
  read({ code, stderr }, { name: host }) {
    if (code !== 0) throw bootstrapFaults.BOOTSTRAP_DATABASE_FAILED({ host, database, output: stderr })
  },
})

/**
 * Resolves to the new password of the role, which is proven by a login. A secret.
 *
 * @throws BOOTSTRAP_PASSWORD_SET, BOOTSTRAP_DATABASE_FAILED
 */
export const newPassword = (database: string): Query<string> => ({
  script: rootShell,
  input: setPassword(database).text,
  read({ code, stdout, stderr }, { name: host }) {
    if (code === EXIT.bootstrap.refused) throw bootstrapFaults.BOOTSTRAP_PASSWORD_SET({ host, database })
    const password = stdout.trim()
    // Never the output itself, which may have the password.
    if (code !== 0 || !/^[0-9a-f]{48}$/.test(password))
      throw bootstrapFaults.BOOTSTRAP_DATABASE_FAILED({ host, database, output: stderr })
    return password
  },
})
