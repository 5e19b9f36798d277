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

export function summary(title: string, { node, report, sockets, took }: Measured): string {
  const { socket, ...requests } = report.kinds
  const sent = Object.values(requests).reduce((sum, kind) => sum + kind.sent, 0)
  const failed = Object.values(requests).reduce((sum, kind) => sum + kind.failed, 0)
  // Two clients send requests concurrently, so a response of the old version can arrive after the first of the new one.
  const versions = [...new Set(requests.fresh.seen.map(seen => seen.value))].join(' then ')
  const reasons = Object.values(requests).flatMap(kind => Object.entries(kind.reasons))
  const [before = '', after = ''] = [requests.fresh.seen.at(0)?.value, requests.fresh.seen.at(-1)?.value]
  const ofVersion = (version: string) => requests.fresh.seen.filter(seen => seen.value === version)
  const lastOld = Math.max(...ofVersion(before).map(seen => seen.lastAnsweredAt))
  const firstNew = Math.min(...ofVersion(after).map(seen => seen.firstAnsweredAt))
  return [
    `${title}${node ? ` through ${node}` : ''}: ${sent} requests sent, ${failed} failed${reasons.length ? ` (${reasons.map(([why, n]) => `${n} ${why}`).join(', ')})` : ''}`,
    ...(sockets > 0
      ? [
          `  WebSockets: ${sockets - report.drops.length} of ${sockets} kept, ${socket.sent} messages sent, ${socket.failed} failed`,
        ]
      : []),
    `  fresh connections saw ${versions}, the last answer of one and the first of the other ${Math.round(Math.abs(firstNew - lastOld))} ms apart`,
    `  switched at ${new Date(firstNew).toISOString().slice(11, 23)} UTC; the whole command took ${Math.round(took)} ms`,
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
