/** How far something is that takes its time: bytes, rate, time left. */

import { bytes } from '../../runner/units.ts'

/** Milliseconds between two lines, at least. */
const EVERY = 500

/** Takes bytes so far and in all, and says so in a line: not too often, and always at the end. */
export function progress(log: (line: string) => void, now: () => number = Date.now) {
  const began = now()
  let told = began
  return (sent: number, total: number) => {
    const at = now()
    if (at - told < EVERY && sent < total) return
    told = at
    log(progressLine(sent, total, at - began))
  }
}

export function progressLine(sent: number, total: number, ms: number): string {
  const way = `${bytes(sent)} of ${bytes(total)}`
  if (ms < EVERY || sent === 0) return way
  const rate = sent / (ms / 1000)
  const left = sent < total ? `, ${Math.ceil((total - sent) / rate)} s left` : ''
  return `${way}, ${bytes(rate)}/s${left}`
}

/** Passes pieces on, and says how far it is. What is more than `total`, such as headers, does not count. */
export async function* watched(
  pieces: AsyncIterable<Buffer>,
  total: number,
  log: (line: string) => void,
): AsyncGenerator<Buffer> {
  const tell = progress(log)
  let sent = 0
  for await (const piece of pieces) {
    const before = sent
    sent = Math.min(total, sent + piece.length)
    if (sent > before) tell(sent, total)
    yield piece
  }
}
