/** Computes the figures of the reports of the load, and formats them. Pure functions. */
import type { Drop, Kind, Report } from '../../dev/load.ts'
import type { Switch } from './promoter.ts'

export const KINDS = ['keepAlive', 'idle', 'post', 'fresh', 'slow', 'http2'] as const satisfies readonly Kind[]

export const TITLES: Readonly<Record<Kind, string>> = {
  keepAlive: 'keep-alive GET',
  idle: 'idle keep-alive GET',
  post: 'POST 64 KiB',
  fresh: 'GET on a fresh connection',
  slow: 'in flight (1.5 s)',
  http2: 'HTTP/2 GET',
  socket: 'WebSocket message',
}

/** The result of one load, with the switches that happened during it. */
export interface Round {
  readonly report: Report
  readonly switches: readonly Switch[]
  /** How many WebSockets were opened. */
  readonly sockets: number
}

export interface Figures {
  readonly name: string
  readonly switches: number
  /** HTTP requests of the six kinds, without WebSocket messages. */
  readonly requests: number
  readonly failed: number
  readonly kinds: Readonly<Record<Kind, { readonly sent: number; readonly failed: number }>>
  /** Number of failures by kind and reason, such as `POST 64 KiB: ECONNRESET`. */
  readonly reasons: Readonly<Record<string, number>>
  readonly switchesHit: number
  readonly sockets: number
  /** Number of WebSockets that ended, by close code. 1006 means without a close frame. */
  readonly socketsEnded: Readonly<Record<string, number>>
  /** Milliseconds from just before the switch was sent to the router, one number for each switch. */
  readonly firstNew: readonly number[]
  readonly lastOld: readonly number[]
  /** Number of switches after which the old slot responded to a request that was sent after the router had reported success. */
  readonly stale: number
}

export function figures(name: string, rounds: readonly Round[]): Figures {
  const kinds = Object.fromEntries(
    [...KINDS, 'socket' as const].map(kind => [
      kind,
      {
        sent: sum(rounds.map(({ report }) => report.kinds[kind].sent)),
        failed: sum(rounds.map(({ report }) => report.kinds[kind].failed)),
      },
    ]),
  ) as Figures['kinds']
  const reasons = tally(
    rounds.flatMap(({ report }) =>
      Object.entries(report.kinds).flatMap(([kind, each]) =>
        Object.entries(each.reasons).map(([why, n]): [string, number] => [`${TITLES[kind as Kind]}: ${why}`, n]),
      ),
    ),
  )
  const timings = rounds.map(timingsOf)
  return {
    name,
    switches: sum(rounds.map(({ switches }) => switches.length)),
    requests: sum(KINDS.map(kind => kinds[kind].sent)),
    failed: sum(KINDS.map(kind => kinds[kind].failed)),
    kinds,
    reasons,
    switchesHit: sum(rounds.map(hit)),
    sockets: sum(rounds.map(({ sockets }) => sockets)),
    socketsEnded: tally(
      rounds.flatMap(({ report }) => report.drops.map((d: Drop): [string, number] => [`${d.code}`, 1])),
    ),
    firstNew: timings.flatMap(timing => timing.firstNew),
    lastOld: timings.flatMap(timing => timing.lastOld),
    stale: sum(timings.map(timing => timing.stale)),
  }
}

/** Number of switches during which, up to the next one, a request failed. */
function hit({ report, switches }: Round): number {
  const failedAt = KINDS.flatMap(kind => report.kinds[kind].failures.map(failure => failure.failedAt))
  return switches.filter(({ sentAt }, i) => {
    const end = switches[i + 1]?.sentAt ?? Number.POSITIVE_INFINITY
    return failedAt.some(at => at >= sentAt && at < end)
  }).length
}

/** First response of the new slot and last one of the old slot for each switch, in the quick kinds (the slow ones are in flight by design). */
function timingsOf({ report, switches }: Round) {
  const seen = (['keepAlive', 'post', 'fresh', 'http2'] as const).flatMap(kind => report.kinds[kind].seen)
  const firstNew: number[] = []
  const lastOld: number[] = []
  let stale = 0
  switches.forEach(({ to, sentAt, returnedAt }, i) => {
    const end = switches[i + 1]?.sentAt ?? Number.POSITIVE_INFINITY
    const within = (at: number) => at >= sentAt && at < end
    const news = seen.filter(run => run.value === to).flatMap(run => [run.firstAnsweredAt, run.lastAnsweredAt])
    const olds = seen.filter(run => run.value !== to)
    const first = Math.min(...news.filter(within))
    if (Number.isFinite(first)) firstNew.push(first - sentAt)
    lastOld.push(
      Math.max(
        0,
        ...olds
          .flatMap(run => [run.firstAnsweredAt, run.lastAnsweredAt])
          .filter(within)
          .map(at => at - sentAt),
      ),
    )
    if (olds.some(run => run.lastSentAt > returnedAt && run.lastAnsweredAt < end)) stale += 1
  })
  return { firstNew, lastOld, stale }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

function tally(entries: readonly (readonly [string, number])[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [key, n] of entries) counts[key] = (counts[key] ?? 0) + n
  return counts
}

/** The median and the maximum of numbers in milliseconds, as text. */
export function medianText(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = sorted[Math.floor(sorted.length / 2)]
  return at === undefined ? 'none' : `${at.toFixed(0)} ms, at most ${(sorted.at(-1) ?? at).toFixed(0)} ms`
}

const count = (n: number) => n.toLocaleString('en-US')

/** Failures of the requests sent. For zero failures, the upper bound of the rate with 95% confidence, 3/n. */
const failedOf = ({ sent, failed }: { readonly sent: number; readonly failed: number }): string => {
  if (sent === 0) return '-'
  return failed > 0
    ? `**${count(failed)}** of ${count(sent)}`
    : `0 of ${count(sent)} (< ${(3 / sent).toExponential(1)})`
}

/** All figures as one Markdown table, with a column for each way to switch. */
export function table(columns: readonly Figures[]): string {
  const row = (title: string, of: (figures: Figures) => string) => `| ${[title, ...columns.map(of)].join(' | ')} |`
  const perSwitch = ({ failed, switches, kinds }: Figures) => {
    if (switches === 0) return '-'
    const rate = failed > 0 ? (failed / switches).toFixed(2) : `0 (< ${(3 / switches).toFixed(3)})`
    const worst = KINDS.filter(kind => kinds[kind].failed > 0).map(
      kind => `${TITLES[kind]} ${(kinds[kind].failed / switches).toFixed(2)}`,
    )
    return [rate, ...worst].join('; ')
  }
  return [
    row('', of => of.name),
    `| --- ${'| --- '.repeat(columns.length)}|`,
    row('switches', of => count(of.switches)),
    row('requests', of => count(of.requests)),
    ...KINDS.map(kind => row(`failed: ${TITLES[kind]}`, of => failedOf(of.kinds[kind]))),
    row('failed, all six', of => failedOf({ sent: of.requests, failed: of.failed })),
    row('failed a switch', perSwitch),
    row('switches that lost something', of => (of.switches ? `${of.switchesHit} of ${of.switches}` : '-')),
    row('failed: WebSocket messages', of => failedOf(of.kinds.socket)),
    row('WebSockets, and how they ended', of => {
      const ended = Object.entries(of.socketsEnded).map(([code, n]) => `${n} with ${code}`)
      return of.sockets === 0 ? '-' : `${of.sockets}: ${ended.join(', ') || '0 ended'}`
    }),
    row('first answer of the new slot', of => (of.switches ? medianText(of.firstNew) : '-')),
    row('last answer of the old slot', of => (of.switches ? medianText(of.lastOld) : '-')),
    row('switches that had returned while the old slot went on answering', of =>
      of.switches ? `${of.stale} of ${of.switches}` : '-',
    ),
  ].join('\n')
}
