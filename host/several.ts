/** Several machines as one host: a script that names a machine runs there, and everything else on the main one. */
import { deferred } from '../runner/promises.ts'
import { sumOf } from '../runner/traffic.ts'
import { queriesBy } from './exec/queries.ts'
import { hostFaults } from './faults.ts'
import type { Host, Pipeline } from './host.ts'
import { type AnyQuery, type Group, isGroup, isSkipped, nameOf, type Query } from './query.ts'
import type { Script } from './script.ts'

/** A query that is no group, and how to settle the promise of its result. */
interface Leaf {
  readonly script: Script
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
  const hostOf = ({ script }: Pick<Leaf, 'script'>): Host => machineOf(script)
  /** The machine of all these queries; undefined if they have several. */
  const onlyHost = (queries: readonly (AnyQuery<unknown> | undefined)[]): Host | undefined => {
    const [host = main, ...more] = new Set(queries.flatMap(leavesOf).map(hostOf))
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
        for (const { script, reject } of part) reject(notRun(host.name, nameOf(script), after))
      } else after = await runPart(host.pipeline(), part)
    }
  }

  const joint = queriesBy<Leaf>({
    send(leaves, order) {
      if (order === 'one by one') void inOrder(leaves)
      else sideBySide(leaves)
    },
    add<T>(leaves: Leaf[], query: Query<T>) {
      const { promise, resolve, reject } = deferred<T>()
      leaves.push({ script: query.script, query, resolve: result => resolve(result as T), reject })
      return promise
    },
  })

  const { traffic } = main
  return {
    ...main,
    run: (script, options) => machineOf(script).run(script, options),
    capture: (script, options) => machineOf(script).capture(script, options),
    spawn: (script, first) => machineOf(script).spawn(script, first),
    query: query => (onlyHost([query]) ?? joint).query(query),
    all: queries => (onlyHost(queries) ?? joint).all(queries),
    pipeline: joint.pipeline,
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

const leavesOf = (query: AnyQuery<unknown> | undefined): readonly Query<unknown>[] =>
  query === undefined ? [] : isGroup(query) ? query.queries.flatMap(leavesOf) : [query]

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
  return failed && nameOf(failed.script)
}
