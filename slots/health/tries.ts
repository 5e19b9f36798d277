/** What a health check says while it runs. */
import type { Slot } from '../contracts.ts'
import type { Health } from '../model.ts'
import { curlError } from './format.ts'

interface Try {
  /** How many there were so far. */
  readonly tries: number
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** Exit code of curl. */
  readonly curl: number
  /** 200s in a row. */
  readonly passes: number
  /** Milliseconds since the check began. */
  readonly ms: number
}

/** Undefined for a line of another kind. */
export function parseTry(line: string): Try | undefined {
  const [, tries, status, curl, passes, ms] = (/^try (\d+) (\d+) (\d+) (\d+) (\d+)$/.exec(line) ?? []).map(Number)
  if (tries === undefined || status === undefined || curl === undefined || passes === undefined || ms === undefined)
    return undefined
  return { tries, status, curl, passes, ms }
}

/** @example `/health of green: 503 (try 12, after 1.4 s)` */
export function describeTry({ name }: Slot, { path, passes: wanted }: Health, seen: Try): string {
  const { tries, status, curl, passes, ms } = seen
  const answer = status === 0 ? curlError(curl) : passes > 0 ? `200, ${passes} of ${wanted} in a row` : status
  return `${path} of ${name}: ${answer} (try ${tries}, after ${(ms / 1000).toFixed(1)} s)`
}
