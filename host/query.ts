/**
 * Queries: a script together with the function that reads its output, as a value. Creating one contacts nothing. The caller composes queries and decides
 * which are sent in one batch, and in which order.
 */
import { Fault } from '../runner/fault.ts'
import { lastLines } from '../runner/units.ts'
import { hostFaults } from './faults.ts'
import type { Output, Script } from './script.ts'

/** The host that a query runs on, for its messages and for further queries. */
export interface Asked {
  /** The name of the host. */
  readonly name: string
  /** Runs a further query, such as for the cause of a failure, in a round trip of its own and outside of the pipeline. */
  query<T>(query: Query<T>): Promise<T>
}

export interface Query<T> {
  /** A non-zero exit code ends the pipeline that the query is in. */
  readonly script: Script
  /** The script's stdin. */
  readonly input?: string
  /** Called for each line of output while the script runs. */
  readonly onLine?: (line: string) => void
  /** Turns the output, whatever its exit code, into the result, or throws a `Fault`. */
  read(output: Output, host: Asked): T | Promise<T>
}

/** Several queries with one result, for `Host.all` and for a pipeline, in which they keep their order. */
export interface Group<T> {
  readonly queries: readonly AnyQuery<unknown>[]
  join(results: readonly PromiseSettledResult<unknown>[]): T
}

export type AnyQuery<T> = Query<T> | Group<T>

/** The results of a list of queries, in order. */
export type Results<Q extends readonly unknown[]> = { [K in keyof Q]: ResultOf<Q[K]> }
type ResultOf<Q> = Q extends AnyQuery<infer T> ? T : undefined

type Options = Pick<Query<unknown>, 'input' | 'onLine'>

/**
 * A query whose script has to exit with 0. `parse` gets its stdout without the last line break.
 *
 * @throws COMMAND_FAILED from `read`
 * @example capture(sh.read`cat ${path}`, text => JSON.parse(text))
 */
export function capture(script: Script): Query<string>
export function capture<T>(script: Script, parse: (stdout: string, host: Asked) => T, options?: Options): Query<T>
export function capture(
  script: Script,
  parse: (stdout: string, host: Asked) => unknown = text => text,
  options: Options = {},
) {
  return {
    ...options,
    script,
    read(output: Output, host: Asked) {
      if (output.code !== 0) throw commandFailed(host, script, output)
      return parse(output.stdout.replace(/\r?\n$/, ''), host)
    },
  }
}

/** A query for a script that only has to succeed. */
export const perform = (script: Script, options?: Options): Query<void> => capture(script, () => undefined, options)

export const commandFailed = ({ name }: Pick<Asked, 'name'>, script: Script, { code, stdout, stderr }: Output): Fault =>
  hostFaults.COMMAND_FAILED({ host: name, command: nameOf(script), code, stderr: lastLines(stderr || stdout) })

/** Whether a script exits with 0. */
export const succeeds = (script: Script): Query<boolean> => ({ script, read: ({ code }) => code === 0 })

/** How messages call a script: its label or its text. */
export const nameOf = ({ label, text }: Script): string => label ?? text

/** The same query with its result converted. */
export const mapped = <T, U>(query: Query<T>, change: (result: T) => U | Promise<U>): Query<U> => ({
  ...query,
  read: async (output, host) => change(await query.read(output, host)),
})

/** Several queries as one. Fails with the first failure, in their order. The result of `undefined` is `undefined`. */
export const group = <const Q extends readonly (AnyQuery<unknown> | undefined)[], T>(
  queries: Q,
  join: (...results: Results<Q>) => T,
): Group<T> => ({
  queries: queries.filter(query => query !== undefined),
  join(results) {
    const failed = failureIn(results)
    if (failed) throw failed.reason
    const values = results.values()
    const all = queries.map(query => {
      if (query === undefined) return undefined
      const next = values.next().value
      return next?.status === 'fulfilled' ? next.value : undefined
    })
    return join(...(all as Results<Q>))
  },
})

/** Several queries of one type as one: their results, in order. */
export const each = <T>(queries: readonly AnyQuery<T>[]): Group<readonly T[]> =>
  group(queries, (...results) => results as readonly T[])

/** The first failure that is not the consequence of another. */
export function failureIn(results: readonly PromiseSettledResult<unknown>[]): PromiseRejectedResult | undefined {
  const failed = results.filter(result => result.status === 'rejected')
  return failed.find(({ reason }) => !isSkipped(reason)) ?? failed[0]
}

/** Whether a script was not run because one before it had failed. */
export const isSkipped = (reason: unknown): boolean => reason instanceof Fault && reason.code === 'COMMAND_SKIPPED'

export type Caught<T> =
  | { readonly value: T; readonly fault?: undefined }
  | { readonly value?: undefined; readonly fault: Fault }

/** A query whose `Fault` is a value instead of a rejection. */
export const caught = <T>(query: AnyQuery<T>): Group<Caught<T>> => ({
  queries: [query],
  join([result]) {
    if (result?.status === 'fulfilled') return { value: result.value as T }
    if (result?.reason instanceof Fault) return { fault: result.reason }
    throw result?.reason
  },
})

export const isGroup = <T>(query: AnyQuery<T>): query is Group<T> => 'queries' in query
