/** Waits until all tasks of a slot are healthy, and tells early why they never will be. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../runner/fault.ts'
import { type Cluster, type Node, running, type SlotService, type Task } from './cluster.ts'
import { swarmFaults } from './faults.ts'
import type { RouterStates } from './router/control.ts'

export type Progress =
  | { readonly state: 'running' }
  | { readonly state: 'waiting'; readonly running: number }
  | { readonly state: 'failing'; problem(log: string): Fault }

/** How often a task may fail before it is given up. */
export const FAILURES = 3

export const failedOf = (tasks: readonly Task[]): readonly Task[] =>
  tasks.filter(({ state }) => state === 'failed' || state === 'rejected')

/**
 * What the engine says of a slot's tasks. A task is running only once its health command passed, if it has one.
 *
 * @param known the ids of tasks that failed before: the engine remembers some, for as long as the service is there
 */
export function progressOf(
  service: SlotService,
  nodes: readonly Node[],
  known: ReadonlySet<string> = new Set(),
): Progress {
  const { slot, release, image, replicas, tasks } = service
  if (running(tasks).length >= replicas) return { state: 'running' }
  const bad = failedOf(tasks).filter(({ id }) => !known.has(id))
  const missing = bad.filter(({ error }) => /no such image|manifest unknown|pull access denied/i.test(error ?? ''))
  const nameOf = (id: string) => nodes.find(node => node.id === id)?.name ?? id
  if (missing.length >= FAILURES)
    return failing(() =>
      swarmFaults.IMAGE_MISSING({
        slot,
        image: image.replace(/@.*$/, ''),
        local: !image.includes('@'),
        nodes: [...new Set(missing.map(({ node }) => nameOf(node)))].sort(),
        why: missing[0]?.error ?? '',
      }),
    )
  if (bad.length >= FAILURES)
    return failing(log => swarmFaults.TASKS_FAIL({ slot, release, why: reasonOf(bad[0]), log }))
  return { state: 'waiting', running: running(tasks).length }
}

const failing = (problem: (log: string) => Fault): Progress => ({ state: 'failing', problem })

export const reasonOf = (task: Task | undefined): string =>
  task?.error ?? (task?.exitCode === undefined ? 'no reason was given' : `exit code ${task.exitCode}`)

/** Why no node takes a task; undefined if each has one. */
export const unplaced = ({ tasks }: SlotService): string | undefined =>
  tasks.find(({ wanted, state, error }) => wanted && state === 'pending' && error)?.error

/** What the tasks that do not run yet are doing, such as `n2 gets the image`. */
export const coming = ({ tasks }: SlotService, nodes: readonly Node[]): readonly string[] =>
  tasks
    .filter(({ wanted, state }) => wanted && state !== 'running')
    .map(({ node, state }) => {
      const name = nodes.find(({ id }) => id === node)?.name
      return name === undefined
        ? `a task is ${state}`
        : `${name} ${state === 'preparing' ? 'gets the image' : `is ${state}`}`
    })
    .sort()

/** The routers that do not reach all tasks of a slot yet, with what they reach. A node that the manager has lost does not count. */
export function unreached(
  { nodes }: Pick<Cluster, 'nodes'>,
  states: RouterStates,
  slot: string,
  replicas: number,
): readonly string[] {
  return [...states].flatMap(([name, state]) => {
    if (nodes.find(node => node.name === name)?.up === false) return []
    if (!state) return [`the router of ${name} does not answer`]
    const up = state.up[slot] ?? 0
    return up >= replicas ? [] : [`${name} reaches ${up} of ${replicas} tasks`]
  })
}

/** As `unreached`, for the live slot, of which only the tasks that run can be reached. */
export function unreachedLive(
  cluster: Pick<Cluster, 'nodes' | 'slots' | 'records'>,
  states: RouterStates,
): readonly string[] {
  const service = cluster.slots.get(cluster.records?.live?.slot ?? '')
  return service ? unreached(cluster, states, service.slot, running(service.tasks).length) : []
}

interface Wait {
  /** Milliseconds. */
  readonly within: number
  readonly signal: AbortSignal
}

/** Milliseconds between two looks. */
const EVERY = 500

/**
 * Calls `look` until it returns something. Resolves to undefined if that takes longer than `within`.
 *
 * @throws the reason of `signal`
 */
export async function until<T>({ within, signal }: Wait, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = performance.now() + within
  for (;;) {
    signal.throwIfAborted()
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() >= end) return undefined
    await sleep(EVERY, undefined, { signal })
  }
}
