/** Lines of the logs of several slots as one list. Pure. */
import type { LogLine, Slot } from '../contracts.ts'

/** A line and the slot that wrote it. */
export interface SlotLine extends LogLine {
  readonly slot: Slot
}

interface Page {
  readonly slot: Slot
  /** Oldest first. */
  readonly lines: readonly LogLine[]
}

/**
 * In the order of their times; at most `limit` lines, the newest ones. If a log has no times, each slot's lines stay together, in the order of the slots, and
 * none are left out.
 */
export function merged(pages: readonly Page[], limit: number | undefined): readonly SlotLine[] {
  const lines = pages.flatMap(({ slot, lines }) => lines.map(line => ({ ...line, slot })))
  if (lines.some(({ time }) => time === undefined)) return lines
  const sorted = lines.sort((a, b) => (a.time ?? 0) - (b.time ?? 0))
  return limit === undefined ? sorted : sorted.slice(Math.max(0, sorted.length - limit))
}
