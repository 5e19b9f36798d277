/** Asking several hosts, of which some may not answer. */
import { type Fault, isFault } from '../../runner/fault.ts'
import type { Gathered } from '../../runner/task.ts'
import { slotFaults } from '../faults.ts'

/** What a host has answered, or why it has not. */
export type Asked<T> =
  | { readonly found: T; readonly problem?: undefined }
  | { readonly found?: undefined; readonly problem: Fault }

export const asked = <T>(work: () => Promise<T>): Promise<Asked<T>> =>
  work().then(
    found => ({ found }),
    (error: unknown) => ({ problem: problemOf(error) }),
  )

/** The fault of a host that could not be asked. Rethrows an interruption, and what is an error of this program. */
export function problemOf(error: unknown): Fault {
  if (!isFault(error) || error.exitCode === 130) throw error
  return error
}

/**
 * Each host throws the same error.
 *
 * @throws FLEET_INCOMPLETE
 */
export function assertAsked(all: readonly Gathered<{ readonly problem?: Fault | undefined }>[]): void {
  const absent = all.flatMap(({ host, value: { problem } }) => (problem ? [{ host, problem }] : []))
  if (absent.length > 0) throw slotFaults.FLEET_INCOMPLETE({ absent, of: all.length })
}
