/**
 * What to ask of a host, or to change there, as a value: a script, and how to read what it left behind. Whoever composes queries decides what travels
 * together and in which order; making one contacts nothing.
 */
import { Fault } from '../runner/fault.ts'
import { hostFaults } from './faults.ts'
import { lastLines, type Output, type Script } from './script.ts'

/** Who a query is put to, for its messages, and for what it has to ask in addition. */
export interface Asked {
  /** The name of the host. */
  readonly name: string
  /** Asks one more thing, on its own: why something failed, say. It does not keep its place in a pipeline. */
  query<T>(query: Query<T>): Promise<T>
}

export interface Query<T> {
  /** One that exits with another code than 0 ends the pipeline that it is in. */
  readonly script: Script
  /** What the script reads from its standard input. */
  readonly input?: string
  /** Each line of output while it runs. */
  readonly onLine?: (line: string) => void
  /** Makes a result of what the script left behind, whatever its exit code, or throws the `Fault` that it means. */
  read(output: Output, host: Asked): T | Promise<T>
}

/** Several queries whose results are one: for `Host.all`, and for a pipeline, in which they keep their order. */
export interface Group<T> {
  readonly queries: readonly AnyQuery<unknown>[]
  join(results: readonly PromiseSettledResult<unknown>[]): T
}

export type AnyQuery<T> = Query<T> | Group<T>

/** What a list of queries results in, in its order. */
export type Results<Q extends readonly unknown[]> = { [K in keyof Q]: ResultOf<Q[K]> }
type ResultOf<Q> = Q extends AnyQuery<infer T> ? T : undefined

type Options = Pick<Query<unknown>, 'input' | 'onLine'>

/** A query whose script has to exit with 0, else it is `COMMAND_FAILED`; `parse` gets its output without the last line break, and the host. */
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

/** What people see of a script. */
export const nameOf = ({ label, text }: Script): string => label ?? text

/** The same query, whose result is made of the first one's. */
export const mapped = <T, U>(query: Query<T>, change: (result: T) => U | Promise<U>): Query<U> => ({
  ...query,
  read: async (output, host) => change(await query.read(output, host)),
})

/** Several queries as one. Fails with the first of their failures, in the order in which they stand. A place may be empty. */
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

/** Several queries of one kind as one: their results, in their order. */
export const each = <T>(queries: readonly AnyQuery<T>[]): Group<readonly T[]> =>
  group(queries, (...results) => results as readonly T[])

/** The first failure that is not the consequence of another. */
export function failureIn(results: readonly PromiseSettledResult<unknown>[]): PromiseRejectedResult | undefined {
  const failed = results.filter(result => result.status === 'rejected')
  return failed.find(({ reason }) => !isSkipped(reason)) ?? failed[0]
}

/** Whether something was not run because what stood before it had failed. */
export const isSkipped = (reason: unknown): boolean => reason instanceof Fault && reason.code === 'COMMAND_SKIPPED'

export type Caught<T> =
  | { readonly value: T; readonly fault?: undefined }
  | { readonly value?: undefined; readonly fault: Fault }

/** A query that does not fail: its `Fault` is a value. */
export const caught = <T>(query: AnyQuery<T>): Group<Caught<T>> => ({
  queries: [query],
  join([result]) {
    if (result?.status === 'fulfilled') return { value: result.value as T }
    if (result?.reason instanceof Fault) return { fault: result.reason }
    throw result?.reason
  },
})

/** A group is what has parts. */
export const isGroup = <T>(query: AnyQuery<T>): query is Group<T> => 'queries' in query
