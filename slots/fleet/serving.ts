/** What a host of a fleet serves, and whether several serve the same. */
import type { Release } from '../contracts.ts'

/** What one host serves. */
export interface Serving {
  /** `undefined` if no slot is live. */
  readonly slot: string | undefined
  /** The release in that slot. */
  readonly release: Pick<Release, 'name' | 'sha256'> | undefined
}

/** Compared by content: two builds of one version may differ. */
const keyOf = ({ slot, release }: Serving): string => `${slot} ${release?.sha256}`

export const alike = (all: readonly Serving[]): boolean => new Set(all.map(keyOf)).size <= 1

/** For messages: `blue, 0.1.0-9f3a4c2`. */
export const describeServing = ({ slot, release }: Serving): string =>
  slot === undefined ? 'no slot' : `${slot}, ${release?.name ?? 'an unknown release'}`
