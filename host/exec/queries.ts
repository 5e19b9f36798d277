/**
 * `Host.query`, `Host.all` and `Host.pipeline`, over any way to send their scripts: what a query results in, what is skipped behind a failure, and
 * what a pipeline as a whole comes to.
 */
import { hostFaults } from '../faults.ts'
import type { Host, Pipeline } from '../host.ts'
import { type AnyQuery, type Asked, failureIn, isGroup, nameOf } from '../query.ts'
import type { Output, Script } from '../script.ts'

/** One script on its way. Each is settled when it has ended, and not when all have. */
export interface Part {
  readonly script: Script
  readonly input: string
  readonly onLine?: ((line: string) => void) | undefined
  resolve(output: Output): void
  reject(error: unknown): void
}

export type Order = 'side by side' | 'one by one'

/** Sends scripts and settles them all, one way or the other. It never rejects. `one by one`: behind one that fails none is run. */
export type Send = (parts: readonly Part[], order: Order) => Promise<void>

export function queriesOver(name: string, send: Send): Pick<Host, 'query' | 'all' | 'pipeline'> {
  /** Adds the scripts of a query to `parts`; resolves to its result once they are settled. */
  const into = <T>(parts: Part[], query: AnyQuery<T>): Promise<T> => {
    if (isGroup(query))
      return Promise.allSettled(query.queries.map(each => into(parts, each))).then(it => query.join(it))
    const { script, input = '', onLine } = query
    const output = new Promise<Output>((resolve, reject) => parts.push({ script, input, onLine, resolve, reject }))
    return output.then(it => query.read(it, asked))
  }
  const query = <T>(one: AnyQuery<T>): Promise<T> => {
    const parts: Part[] = []
    const result = into(parts, one)
    void send(parts, parts.some(({ script }) => script.writes) ? 'one by one' : 'side by side')
    return result
  }
  const asked: Asked = { name, query }
  return {
    query,
    all(queries) {
      const parts: Part[] = []
      const results = queries.map(each => each && into(parts, each))
      const writing = parts.find(({ script }) => script.writes)
      if (writing) throw new TypeError(`what changes something needs a place in a pipeline: ${nameOf(writing.script)}`)
      void send(parts, 'side by side')
      return failFirst(results) as never
    },
    pipeline() {
      const parts: Part[] = []
      const results: Promise<unknown>[] = []
      let running = false
      const add = <T>(query: AnyQuery<T>): Promise<T> => {
        if (running) throw new TypeError('this pipeline runs already')
        const result = into(parts, query)
        // `run` tells of it as well.
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
          void send(parts, 'one by one')
          const all = failFirst(results).then(() => undefined)
          // Who waits for single results hears of it there.
          all.catch(() => undefined)
          return all
        },
      } satisfies Pipeline
    },
  }
}

/** Waits for all of them, and rejects with the first that failed by itself. */
async function failFirst(results: readonly (Promise<unknown> | undefined)[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(results)
  const failed = failureIn(settled)
  if (failed) throw failed.reason
  return settled.map(result => (result.status === 'fulfilled' ? result.value : undefined))
}

/** Sends one script by itself; resolves to its name when it failed. */
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

/** Sends one after the other, each by `run`, for hosts that have no better way. */
export const oneByOne =
  (host: string, run: Host['run']): Send =>
  async (parts, order) => {
    if (order === 'side by side') return void (await Promise.all(parts.map(part => settle(run, part))))
    for (const [i, part] of parts.entries()) {
      const failed = await settle(run, part)
      if (failed !== undefined) return skip(host, parts.slice(i + 1), failed)
    }
  }

/** Rejects what is not run because of what failed before it. */
export function skip(host: string, parts: readonly Part[], after: string): void {
  for (const { script, reject } of parts) reject(hostFaults.COMMAND_SKIPPED({ host, command: nameOf(script), after }))
}
