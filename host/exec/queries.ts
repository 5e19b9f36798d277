/**
 * `Host.query`, `Host.all` and `Host.pipeline` on top of a function that sends scripts: the results of queries, the queries skipped after a failure, and
 * the result of a whole pipeline.
 */
import { hostFaults } from '../faults.ts'
import type { Host, Pipeline } from '../host.ts'
import { type AnyQuery, type Asked, failureIn, isGroup, nameOf, type Query } from '../query.ts'
import type { Output, Script } from '../script.ts'

/** One script of a batch. It is settled as soon as it ends, before the batch does. */
export interface Part {
  readonly script: Script
  readonly input: string
  readonly onLine?: ((line: string) => void) | undefined
  resolve(output: Output): void
  reject(error: unknown): void
}

export type Order = 'side by side' | 'one by one'

/** Sends scripts and settles each of them. Never rejects. `one by one`: the first failure skips the rest. */
export type Send = (parts: readonly Part[], order: Order) => Promise<void>

export function queriesOver(name: string, send: Send): Pick<Host, 'query' | 'all' | 'pipeline'> {
  const methods = queriesBy<Part>({
    send: (parts, order) => void send(parts, order),
    add(parts, { script, input = '', onLine, read }) {
      const output = new Promise<Output>((resolve, reject) => parts.push({ script, input, onLine, resolve, reject }))
      return output.then(result => read(result, asked))
    },
  })
  const asked: Asked = { name, query: methods.query }
  return methods
}

interface Sending<P extends Pick<Part, 'script'>> {
  /** Adds the part for a query that is no group; resolves to its result once the part is settled. */
  add<T>(parts: P[], query: Query<T>): Promise<T>
  /** Sends parts, and settles each of them. */
  send(parts: readonly P[], order: Order): void
}

/** The methods of a host that collects the parts of queries, and then sends them together. */
export function queriesBy<P extends Pick<Part, 'script'>>({
  add: addPart,
  send,
}: Sending<P>): Pick<Host, 'query' | 'all' | 'pipeline'> {
  /** Adds the parts of a query; resolves to its result once they are settled. */
  const into = <T>(parts: P[], query: AnyQuery<T>): Promise<T> =>
    isGroup(query)
      ? Promise.allSettled(query.queries.map(each => into(parts, each))).then(results => query.join(results))
      : addPart(parts, query)
  return {
    query(single) {
      const parts: P[] = []
      const result = into(parts, single)
      send(parts, parts.some(({ script }) => script.writes) ? 'one by one' : 'side by side')
      return result
    },
    all(queries) {
      const parts: P[] = []
      const results = queries.map(each => each && into(parts, each))
      const writing = parts.find(({ script }) => script.writes)
      if (writing)
        throw new TypeError(
          `host.all() takes only queries that do not write, not: ${nameOf(writing.script)}; use a pipeline for it`,
        )
      send(parts, 'side by side')
      return failFirst(results) as never
    },
    pipeline() {
      const parts: P[] = []
      const results: Promise<unknown>[] = []
      let running = false
      const add = <T>(query: AnyQuery<T>): Promise<T> => {
        if (running) throw new TypeError('this pipeline is already running')
        const result = into(parts, query)
        // `run` reports the failure as well.
        result.catch(() => undefined)
        results.push(result)
        return result
      }
      return {
        add,
        push(...queries) {
          for (const each of queries) void add(each)
        },
        run() {
          running = true
          send(parts, 'one by one')
          const all = failFirst(results).then(() => undefined)
          // A caller that awaits the results of `add` gets the failure there.
          all.catch(() => undefined)
          return all
        },
      } satisfies Pipeline
    },
  }
}

/** Waits until all are settled, then rejects with the first failure that is not just the consequence of another. */
async function failFirst(results: readonly (Promise<unknown> | undefined)[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(results)
  const failed = failureIn(settled)
  if (failed) throw failed.reason
  return settled.map(result => (result.status === 'fulfilled' ? result.value : undefined))
}

/** Sends one script alone; resolves to its name if it failed, else to undefined. */
export const settle = (
  run: Host['run'],
  { script, input, onLine, resolve, reject }: Part,
): Promise<string | undefined> =>
  run(script, { ...(input !== '' && { input }), ...(onLine && { onLine }) }).then(
    output => {
      resolve(output)
      return output.code === 0 ? undefined : nameOf(script)
    },
    (error: unknown) => {
      reject(error)
      return nameOf(script)
    },
  )

/** Sends each script alone, by `run`, for hosts without batches. */
export const oneByOne =
  (host: string, run: Host['run']): Send =>
  async (parts, order) => {
    if (order === 'side by side') return void (await Promise.all(parts.map(part => settle(run, part))))
    for (const [i, part] of parts.entries()) {
      const failed = await settle(run, part)
      if (failed !== undefined) return skip(host, parts.slice(i + 1), failed)
    }
  }

/** Rejects the scripts that are not run because `after` failed. */
export function skip(host: string, parts: readonly Part[], after: string): void {
  for (const { script, reject } of parts) reject(hostFaults.COMMAND_SKIPPED({ host, command: nameOf(script), after }))
}
