/** Says what the load measured during a switch. Pure. */
import type { Report } from '../dev/load.ts'

export interface Measured {
  /** The node that the load was on, if there are several. */
  readonly node?: string | undefined
  readonly report: Report
  /** Number of WebSockets in the load; 0 for an application without any. */
  readonly sockets: number
  /** Milliseconds of the whole command. */
  readonly took: number
}

/** What the load measured, as a program reads it. */
export interface Figures {
  /** Requests, without the messages of WebSockets. */
  readonly sent: number
  readonly failed: number
  /** Number of failures by reason, such as `ECONNRESET` or `503`. */
  readonly reasons: Readonly<Record<string, number>>
  /** The versions or slots that fresh connections saw, in the order of the first answer of each. */
  readonly seen: readonly string[]
  /** Milliseconds between the last answer of the one and the first of the other; undefined if there was no answer. */
  readonly apartMs: number | undefined
  /** The first answer of the other, as an ISO 8601 time. */
  readonly switchedAt: string | undefined
  /** Milliseconds of the whole command. */
  readonly tookMs: number
}

export function figuresOf({ report, took }: Measured): Figures {
  const { socket: _, ...requests } = report.kinds
  const kinds = Object.values(requests)
  const reasons: Record<string, number> = {}
  for (const [why, n] of kinds.flatMap(kind => Object.entries(kind.reasons))) reasons[why] = (reasons[why] ?? 0) + n
  // Two clients send requests concurrently, so a response of the old version can arrive after the first of the new one.
  const { seen } = requests.fresh
  const [before, after] = [seen.at(0)?.value, seen.at(-1)?.value]
  const lastOld = Math.max(...seen.filter(({ value }) => value === before).map(one => one.lastAnsweredAt))
  const firstNew = Math.min(...seen.filter(({ value }) => value === after).map(one => one.firstAnsweredAt))
  return {
    sent: kinds.reduce((sum, { sent }) => sum + sent, 0),
    failed: kinds.reduce((sum, { failed }) => sum + failed, 0),
    reasons,
    seen: [...new Set(seen.map(({ value }) => value))],
    apartMs: seen.length === 0 ? undefined : Math.round(Math.abs(firstNew - lastOld)),
    switchedAt: seen.length === 0 ? undefined : new Date(firstNew).toISOString(),
    tookMs: Math.round(took),
  }
}

export function summary(title: string, measured: Measured): string {
  const { node, report, sockets } = measured
  const { socket } = report.kinds
  const { sent, failed, reasons, seen, apartMs, switchedAt, tookMs } = figuresOf(measured)
  const why = Object.entries(reasons).map(([why, n]) => `${n} ${why}`)
  return [
    `${title}${node ? ` through ${node}` : ''}: ${sent} requests sent, ${failed} failed${why.length ? ` (${why.join(', ')})` : ''}`,
    ...(sockets > 0
      ? [
          `  WebSockets: ${sockets - report.drops.length} of ${sockets} kept, ${socket.sent} messages sent, ${socket.failed} failed`,
        ]
      : []),
    switchedAt === undefined
      ? `  no fresh connection got an answer; the whole command took ${tookMs} ms`
      : `  fresh connections saw ${seen.join(' then ')}, the last answer of one and the first of the other ${apartMs} ms apart
  switched at ${switchedAt.slice(11, 23)} UTC; the whole command took ${tookMs} ms`,
  ].join('\n')
}

/** Whether the load went on to its limit before it was stopped. */
const endedEarly = ({ report }: Measured): boolean => report.endedBy !== 'stop'

/** Whether anything was lost, or may have been, and a sentence that says it. */
export function verdict(all: readonly Measured[]): { lost: boolean; sentence: string } {
  const lost = all.some(({ report }) => report.failed > 0 || report.drops.length > 0)
  const withSockets = all.some(({ sockets }) => sockets > 0)
  if (!lost && all.some(endedEarly))
    return { lost: true, sentence: 'The load ended before the command, so it proves nothing.' }
  if (lost) return { lost, sentence: `Requests${withSockets ? ' or WebSockets' : ''} were lost.` }
  return { lost, sentence: `Nothing was lost: 0 requests failed${withSockets ? ', 0 WebSockets cut' : ''}.` }
}

/** Whether the load has counted what a control lost, and a sentence that says it. */
export function controlled(title: string, all: readonly Measured[]): { seen: boolean; sentence: string } {
  const sum = (of: 'sent' | 'failed') => all.reduce((total, { report }) => total + report[of], 0)
  const seen = sum('failed') > 0
  const so = seen ? 'so the load sees what is lost' : 'so the load proves nothing'
  return { seen, sentence: `Control, ${title}: ${sum('sent')} requests sent, ${sum('failed')} failed, ${so}.` }
}
