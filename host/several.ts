/** Several machines as one host: a script that names a machine runs there, and everything else on the main one. */
import { deferred } from '../runner/promises.ts'
import { sumOf } from '../runner/traffic.ts'
import { failFirst } from './exec/queries.ts'
import { hostFaults } from './faults.ts'
import type { Host, Pipeline } from './host.ts'
import { type AnyQuery, type Group, isGroup, isSkipped, nameOf, type Query } from './query.ts'
import type { Script } from './script.ts'

/** A query that is no group, and how to settle the promise of its result. */
interface Leaf {
  readonly query: Query<unknown>
  resolve(result: unknown): void
  reject(error: unknown): void
}

/**
 * A batch with scripts for several machines becomes one batch for each. Queries that only read are sent to all machines at once. A pipeline keeps its
 * order: it is sent in parts, and goes on to another machine only if every query before it has succeeded.
 *
 * @param others by the names that scripts have in `machine`
 */
export function hostWith(main: Host, others: Readonly<Record<string, Host>>, interruption: AbortSignal): Host {
  const machineOf = ({ machine }: Script): Host => {
    const found = machine === undefined ? main : others[machine]
    if (!found) throw new TypeError(`there is no machine ${machine}`)
    return found
  }
  const hostOf = ({ query }: Pick<Leaf, 'query'>): Host => machineOf(query.script)
  /** The machine of all these queries; undefined if they have several. */
  const onlyHost = (queries: readonly (AnyQuery<unknown> | undefined)[]): Host | undefined => {
    const [host = main, ...more] = new Set(queries.flatMap(leavesOf).map(query => hostOf({ query })))
    return more.length === 0 ? host : undefined
  }

  const sideBySide = (leaves: readonly Leaf[]): void => {
    for (const host of new Set(leaves.map(hostOf))) {
      const own = leaves.filter(leaf => hostOf(leaf) === host)
      host.query(settled(own)).then(
        results => results.forEach((result, i) => void settle(own[i], result)),
        (error: unknown) => own.forEach(({ reject }) => void reject(error)),
      )
    }
  }

  const inOrder = async (leaves: readonly Leaf[]): Promise<void> => {
    // Queries that are sent after an interruption undo earlier steps: they run to their end.
    const wasAborted = interruption.aborted
    const left = [...leaves]
    let after: string | undefined
    for (let [first] = left; first; [first] = left) {
      const host = hostOf(first)
      const end = left.findIndex(leaf => hostOf(leaf) !== host)
      const part = left.splice(0, end < 0 ? left.length : end)
      if (after !== undefined || (interruption.aborted && !wasAborted)) {
        for (const { query, reject } of part) reject(notRun(host.name, nameOf(query.script), after))
      } else after = await runPart(host.pipeline(), part)
    }
  }

  const send = (leaves: readonly Leaf[], writing: boolean): void => {
    if (writing) void inOrder(leaves)
    else sideBySide(leaves)
  }

  const { traffic } = main
  return {
    ...main,
    run: (script, options) => machineOf(script).run(script, options),
    capture: (script, options) => machineOf(script).capture(script, options),
    spawn: (script, first) => machineOf(script).spawn(script, first),
    query<T>(query: AnyQuery<T>) {
      const host = onlyHost([query])
      if (host) return host.query(query)
      const leaves: Leaf[] = []
      const result = into(leaves, query)
      send(leaves, leaves.some(writes))
      return result
    },
    all(queries) {
      const host = onlyHost(queries)
      if (host) return host.all(queries)
      const leaves: Leaf[] = []
      const results = queries.map(query => query && into(leaves, query))
      const writing = leaves.find(writes)?.query
      if (writing)
        throw new TypeError(`host.all() takes only queries that do not write, not: ${nameOf(writing.script)}`)
      send(leaves, false)
      return failFirst(results) as never
    },
    pipeline: () => pipelineOver(leaves => send(leaves, true)),
    connect() {
      for (const host of [main, ...Object.values(others)]) host.connect?.()
    },
    ...(traffic && {
      traffic: () => sumOf([main, ...Object.values(others)].map(host => host.traffic?.())) ?? traffic(),
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all([main, ...Object.values(others)].map(host => host[Symbol.asyncDispose]()))
    },
  }
}

const writes = ({ query }: Leaf): boolean => query.script.writes

const leavesOf = (query: AnyQuery<unknown> | undefined): readonly Query<unknown>[] =>
  query === undefined ? [] : isGroup(query) ? query.queries.flatMap(leavesOf) : [query]

/** Adds the parts of a query to `leaves`; resolves to its result once they are settled. */
function into<T>(leaves: Leaf[], query: AnyQuery<T>): Promise<T> {
  if (isGroup(query))
    return Promise.allSettled(query.queries.map(each => into(leaves, each))).then(results => query.join(results))
  const { promise, resolve, reject } = deferred<T>()
  leaves.push({ query, resolve: result => resolve(result as T), reject })
  return promise
}

/** The queries as one whose result is that of each. */
const settled = (leaves: readonly Leaf[]): Group<readonly PromiseSettledResult<unknown>[]> => ({
  queries: leaves.map(({ query }) => query),
  join: results => results,
})

const settle = (leaf: Leaf | undefined, result: PromiseSettledResult<unknown>): void =>
  result.status === 'fulfilled' ? leaf?.resolve(result.value) : leaf?.reject(result.reason)

const notRun = (host: string, command: string, after: string | undefined) =>
  after === undefined
    ? hostFaults.COMMAND_INTERRUPTED({ host, command })
    : hostFaults.COMMAND_SKIPPED({ host, command, after })

/** Runs queries of one machine; each settles as soon as it has ended. Resolves to the name of the first that failed, if any. */
async function runPart(batch: Pipeline, part: readonly Leaf[]): Promise<string | undefined> {
  const results = part.map(({ query, resolve, reject }) => {
    const result = batch.add(query)
    result.then(resolve, reject)
    return result
  })
  void batch.run()
  const ended = await Promise.allSettled(results)
  const at = ended.findIndex(result => result.status === 'rejected' && !isSkipped(result.reason))
  const failed = part[at < 0 ? ended.findIndex(({ status }) => status === 'rejected') : at]
  return failed && nameOf(failed.query.script)
}

function pipelineOver(send: (leaves: readonly Leaf[]) => void): Pipeline {
  const leaves: Leaf[] = []
  const results: Promise<unknown>[] = []
  let running = false
  const add = <T>(query: AnyQuery<T>): Promise<T> => {
    if (running) throw new TypeError('this pipeline is already running')
    const result = into(leaves, query)
    // `run` reports the failure as well.
    result.catch(() => undefined)
    results.push(result)
    return result
  }
  return {
    add,
    push(...queries) {
      for (const query of queries) void add(query)
    },
    run() {
      running = true
      send(leaves)
      const all = failFirst(results).then(() => undefined)
      // A caller that awaits the results of `add` gets the failure there.
      all.catch(() => undefined)
      return all
    },
  }
}
