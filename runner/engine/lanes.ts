/** Where the runs of one step take place, and how they ended. */
import { fleetRun, isConsequence } from './fleet.ts'
import type { Lane } from './step-context.ts'

/** How a run of a step ended; undefined if it did not end in time. */
export type Outcome = { readonly value: unknown; readonly error?: unknown } | undefined

export interface EndingLane extends Lane {
  /** Resolves when the run on this host may begin. Rejects if the step fails on another host before that. */
  turn(): Promise<void>
  ended(failed: boolean): void
}

interface LaneOptions {
  /** The name of the host for a step that runs once. */
  readonly only?: string | undefined
  readonly limit?: number | undefined
  readonly together?: boolean
}

export function lanesOn(
  hosts: readonly (string | undefined)[],
  { only = '', ...setting }: LaneOptions = {},
): readonly EndingLane[] {
  const names = hosts.map(host => host ?? only)
  const run = fleetRun(names, setting)
  return hosts.map((host, i) => {
    const name = names[i] ?? ''
    return { host, fleet: run.on(name), turn: () => run.turn(name), ended: failed => run.ended(name, failed) }
  })
}

/** The errors of a step, without those that only follow from one on another host. */
export function causesIn(outcomes: readonly { readonly host: string | undefined; readonly outcome: Outcome }[]) {
  const errors = outcomes.flatMap(({ host, outcome }) =>
    outcome && 'error' in outcome ? [{ host, error: outcome.error }] : [],
  )
  const causes = errors.filter(({ error }) => !isConsequence(error))
  const told = causes.length > 0 ? causes : errors
  const [first] = told
  // What the hosts have found out together is one error.
  const together = told.length > 1 && told.every(({ error }) => sameText(error, first?.error))
  return together ? [{ host: undefined, error: first?.error }] : told
}

const sameText = (a: unknown, b: unknown): boolean =>
  a === b || (a instanceof Error && b instanceof Error && a.message === b.message)
