/** Progress of a transfer: bytes, rate, time left. */

import { bytes, duration } from '../../runner/units.ts'

/** Minimum interval between two lines, in milliseconds. */
const INTERVAL = 500

/** Returns a callback for bytes sent and total bytes, which logs a line at most every `INTERVAL`, and always the last one. */
export function progress(log: (line: string) => void, now: () => number = Date.now) {
  const began = now()
  let lastLogged = began
  return (sent: number, total: number) => {
    const at = now()
    if (at - lastLogged < INTERVAL && sent < total) return
    lastLogged = at
    log(progressLine(sent, total, at - began))
  }
}

export function progressLine(sent: number, total: number, ms: number): string {
  const amount = `${bytes(sent)} of ${bytes(total)}`
  if (ms < INTERVAL || sent === 0) return amount
  const rate = sent / (ms / 1000)
  const seconds = Math.ceil((total - sent) / rate)
  const left = sent < total ? `, ${seconds < 60 ? `${seconds} s` : duration(seconds * 1000)} left` : ''
  return `${amount}, ${bytes(rate)}/s${left}`
}

/** Passes chunks through and logs the progress, capped at `total`: tar headers and padding may exceed it. */
export async function* withProgress(
  chunks: AsyncIterable<Buffer>,
  total: number,
  log: (line: string) => void,
): AsyncGenerator<Buffer> {
  const report = progress(log)
  let sent = 0
  for await (const chunk of chunks) {
    const before = sent
    sent = Math.min(total, sent + chunk.length)
    if (sent > before) report(sent, total)
    yield chunk
  }
}
