/** The runs of one step on several hosts, side by side: how they wait for each other, and what each of them results in. */
import { type Deferred, deferred } from '../promises.ts'
import type { AnyTask, Fleet, Gathered } from '../task.ts'

/** The error of a run that waits for one that has failed elsewhere. It is the consequence of another error. */
export const isConsequence = (error: unknown): boolean => error instanceof OtherHostFailed

const failedOn = (host: string) => new OtherHostFailed(`the step failed on ${host}`)

class OtherHostFailed extends Error {
  override readonly name = 'OtherHostFailed'
}

interface Round {
  /** The hosts that it waits for. */
  readonly members: readonly string[]
  readonly values: Map<string, unknown>
  readonly all: Deferred<readonly Gathered<unknown>[]>
}

interface FleetRun {
  /** What the run on this host gets. */
  on(host: string): Fleet
  /** Resolves when the run on this host may begin. Rejects if the step fails on another host before that. */
  turn(host: string): Promise<void>
  /** The run on this host has ended, so no other waits for it any more; if it failed, those that wait fail too. */
  ended(host: string, failed: boolean): void
}

interface FleetSetting {
  /** How many hosts `--limit` lets work at once. One that waits for the others works no more, and goes on with them: what comes after a barrier has no limit. */
  readonly limit?: number | undefined
  /** Whether the step runs on all of them whatever the limit. */
  readonly together?: boolean
}

/** @param hosts the names of the hosts that the step runs on, in order */
export function fleetRun(hosts: readonly string[], { limit, together = false }: FleetSetting = {}): FleetRun {
  const most = together ? Number.POSITIVE_INFINITY : (limit ?? Number.POSITIVE_INFINITY)
  /** Of all hosts, and of each batch, by its members. */
  const rounds = new Map<string, Round[]>()
  const running = new Set(hosts)
  const queue: { readonly after: readonly string[]; readonly turn: Deferred<void> }[] = []
  let lost: string | undefined
  const waiting: (Deferred<void> & { readonly host: string })[] = []
  const working = new Set<string>()
  const admit = () => {
    while (waiting.length > 0 && (working.size < most || lost !== undefined)) {
      const next = waiting.shift()
      if (!next) return
      if (lost !== undefined) next.reject(failedOn(lost))
      else {
        working.add(next.host)
        next.resolve()
      }
    }
  }
  const leave = (host: string) => {
    working.delete(host)
    admit()
  }
  const roundAt = (members: readonly string[], i: number): Round => {
    const key = members.join('\n')
    const ofMembers = rounds.get(key) ?? []
    rounds.set(key, ofMembers)
    const known = ofMembers[i]
    if (known) return known
    const all = deferred<readonly Gathered<unknown>[]>()
    // Nobody may be waiting for it when it fails.
    all.promise.catch(() => undefined)
    const round = { members, values: new Map<string, unknown>(), all }
    ofMembers[i] = round
    return round
  }
  const settle = ({ members, values, all }: Round) => {
    if (members.some(host => running.has(host) && !values.has(host))) {
      if (lost !== undefined) all.reject(failedOn(lost))
      return
    }
    if (lost !== undefined && !values.has(lost)) all.reject(failedOn(lost))
    else all.resolve(members.flatMap(host => (values.has(host) ? [{ host, value: values.get(host) }] : [])))
  }
  /** Lets the batches begin whose turn it is. */
  const proceed = () => {
    for (const { after, turn } of queue) {
      if (lost !== undefined) turn.reject(failedOn(lost))
      else if (!after.some(host => running.has(host))) turn.resolve()
    }
  }
  const fleetOf = (members: readonly string[], host: string): Fleet => {
    let next = 0
    return {
      hosts: members,
      host,
      first: host === members[0],
      limit,
      async gather<T>(value: T) {
        const round = roundAt(members, next++)
        round.values.set(host, value)
        settle(round)
        leave(host)
        return (await round.all.promise) as readonly Gathered<T>[]
      },
      async batch(batches) {
        const at = batches.findIndex(batch => batch.includes(host))
        const turn = deferred()
        queue.push({ after: batches.slice(0, Math.max(0, at)).flat(), turn })
        proceed()
        leave(host)
        await turn.promise
        return fleetOf(batches[at] ?? [host], host)
      },
    }
  }
  return {
    on: host => fleetOf(hosts, host),
    turn(host) {
      const turn = deferred()
      waiting.push({ ...turn, host })
      admit()
      return turn.promise
    },
    ended(host, failed) {
      running.delete(host)
      if (failed) lost ??= host
      for (const round of [...rounds.values()].flat()) settle(round)
      proceed()
      leave(host)
    },
  }
}

/** The results of the steps of a run. A step that ran on several hosts has one for each. */
export interface Results {
  set(task: AnyTask, host: string | undefined, result: object): void
  /** The result on a host, or the only one. Undefined if there is none. */
  of(task: AnyTask, host: string | undefined): object | undefined
  /** Of all hosts. */
  all(task: AnyTask): readonly object[]
}

export function resultsOf(): Results {
  const results = new Map<AnyTask, Map<string | undefined, object>>()
  return {
    set(task, host, result) {
      const known = results.get(task) ?? new Map<string | undefined, object>()
      results.set(task, known.set(host, result))
    },
    of(task, host) {
      const known = results.get(task)
      // What ran once has one result for all hosts; and what runs once continues on the first host.
      return (
        known?.get(host) ?? known?.get(undefined) ?? (host === undefined ? known?.values().next().value : undefined)
      )
    },
    all: task => [...(results.get(task)?.values() ?? [])],
  }
}

/** What hosts said, as one text: once if they all said the same. */
export function joined(said: ReadonlyMap<string, string>, hosts: readonly string[]): string {
  const groups = new Map<string, string[]>()
  for (const host of hosts) {
    const text = said.get(host)
    if (text !== undefined) groups.set(text, [...(groups.get(text) ?? []), host])
  }
  const [only] = groups.keys()
  if (only !== undefined && groups.size === 1 && said.size === hosts.length) return only
  return [...groups].map(([text, names]) => `${names.join(', ')}: ${text}`).join('; ')
}
