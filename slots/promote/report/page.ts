/** The report of a promote as a page: each answer around the switch. */

import { milliseconds } from '../../../runner/units.ts'
import { barsOf, cardsOf, count, documentOf, esc, factsOf, isColour, utc } from '../../report/document.ts'
import { KINDS, type Probe, type ProbeKind } from '../probe.ts'
import type { PromoteReport } from './data.ts'

const WIDTH = 960
/** Edges of the plot, and from top to bottom: the latencies, then one lane of responses per kind. */
const LEFT = 160
const RIGHT = 936
const TOP = 44
const FLOOR = 244
const LANES = 276
const LANE = 26

const LANE_TITLES: Readonly<Record<ProbeKind, string>> = {
  fresh: 'new connections',
  kept: 'keep-alive connection',
  route: 'router',
}

export function reportPage(report: PromoteReport): string {
  const { app, host, destination, from, to, problem, at, by, generation } = report
  const moved = from
    ? `${slotLabel(from.slot, from.version)} to ${slotLabel(to.slot, to.version)}`
    : slotLabel(to.slot, to.version)
  const heading = {
    app,
    title: `${from ? `${tag(report, 'old')}<span class="arrow">&rarr;</span>` : ''}${tag(report, 'new')}`,
    outcome: outcome(report),
    mood: problem === null ? 'good' : 'bad',
  } as const
  const facts = factsOf([
    ...(destination === undefined ? [] : [['destination', destination] as const]),
    ['host', host],
    ['release', to.release],
    ['generation', generation],
    ['by', by],
    ['at', utc(at)],
  ])
  return documentOf(`${app}: ${moved}`, heading, `${switchPart(report)}\n${facts}`)
}

/** What the probes measured, and the steps of the switch: for a page about more than the switch, too. */
export const switchPart = (report: PromoteReport): string => `${cards(report)}
${report.probes.length > 0 ? figure(report) : '<p class="none">This promote was not probed.</p>'}
${barsOf(
  report.steps.map(step => ({ ...step, bad: report.problem !== null })),
  milliseconds,
)}`

const outcome = ({ problem, stays }: PromoteReport): string =>
  [problem === null || stays !== null ? 'The traffic moved.' : 'The traffic went back.', problem, stays && `${stays}.`]
    .filter(Boolean)
    .join(' ')

const slotLabel = (slot: string, version: string | null) => (version === null ? slot : `${slot} ${version}`)

/** A slot whose name is no colour has one as the old or as the new slot. */
function colour({ from, to }: PromoteReport, part: 'old' | 'new'): string {
  const slot = part === 'new' ? to.slot : from?.slot
  return isColour(slot) ? slot : part
}

function tag(report: PromoteReport, part: 'old' | 'new'): string {
  const slot = part === 'new' ? report.to : report.from
  if (!slot) return ''
  const version = slot.version === null ? '' : ` <small>${esc(slot.version)}</small>`
  return `<span class="slot ${colour(report, part)}">${esc(slot.slot)}${version}</span>`
}

function cards({ measured }: PromoteReport): string {
  if (!measured) return ''
  const { sent, failures, failedBefore, failedBetween, failed, slowest, firstNew, lastOld } = measured
  const reasons = Object.entries(failed).map(([why, n]) => `${n} ${why}`)
  if (failedBefore > 0) reasons.push(`${failedBefore} before the switch`)
  if (failedBetween > 0) reasons.push(`${failedBetween} during it`)
  return cardsOf([
    { figure: count(sent), title: 'requests sent', note: 'without retries' },
    {
      figure: count(failures),
      title: 'failed',
      note: reasons.join(', ') || 'after the switch',
      mood: failures > 0 ? 'bad' : 'good',
    },
    { figure: milliseconds(firstNew), title: 'first new answer', note: 'after the command' },
    { figure: milliseconds(lastOld), title: 'last old answer', note: 'after the command' },
    { figure: milliseconds(slowest), title: 'slowest answer', note: 'before or after' },
  ])
}

interface Scales {
  readonly x: (time: number) => number
  readonly y: (latency: number) => number
  readonly first: number
  readonly last: number
  readonly highest: number
}

function scales({ probes, steps }: PromoteReport): Scales {
  const ends = [...probes.map(probe => probe.at + probe.took), ...steps.map(step => step.at + step.took)]
  const first = Math.min(0, ...probes.map(probe => probe.at))
  const last = Math.max(1, ...ends)
  const highest = Math.max(10, ...probes.map(probe => probe.took))
  const round = (n: number) => Math.round(n * 10) / 10
  const log = (latency: number) => Math.log10(1 + latency) / Math.log10(1 + highest)
  return {
    x: time => round(LEFT + ((time - first) / (last - first)) * (RIGHT - LEFT)),
    y: latency => round(FLOOR - log(latency) * (FLOOR - TOP)),
    first,
    last,
    highest,
  }
}

function figure(report: PromoteReport): string {
  const { probes, returnedAt } = report
  const scale = scales(report)
  const height = LANES + KINDS.length * LANE + 34
  const bottom = LANES + KINDS.length * LANE
  const dots = probes.map(probe => dot(report, probe, scale)).join('')
  const lanes = KINDS.map((kind, row) => lane(report, kind, LANES + row * LANE, scale)).join('')
  const [at, until] = [scale.x(0), scale.x(returnedAt ?? 0)]
  return `<figure>
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Each answer by its time and its latency, and the moment of the switch">
<rect class="before" x="${LEFT}" y="${TOP}" width="${at - LEFT}" height="${bottom - TOP}"/>
${grid(scale, bottom)}
<rect class="band" x="${at}" y="${TOP}" width="${Math.max(1.5, until - at)}" height="${bottom - TOP}"/>
<line class="switch" x1="${at}" x2="${at}" y1="${TOP - 14}" y2="${bottom}"/>
<text class="switch" x="${at + 6}" y="${TOP - 7}">switch</text>
<text class="axis" x="${LEFT - 12}" y="${TOP - 18}" text-anchor="end">latency</text>
${dots}
${lanes}
</svg>
<figcaption>${legend(report)}</figcaption>
</figure>`
}

function grid({ x, y, first, last, highest }: Scales, bottom: number): string {
  const latencies = [1, 10, 100, 1_000, 5_000].filter(latency => latency <= highest * 1.01)
  const across = latencies.map(
    latency =>
      `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${y(latency)}" y2="${y(latency)}"/><text class="axis" x="${LEFT - 12}" y="${y(latency) + 4}" text-anchor="end">${count(latency)} ms</text>`,
  )
  const step = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000].find(each => (last - first) / each <= 9) ?? 20_000
  const times: string[] = []
  for (let time = Math.ceil(first / step) * step; time <= last; time += step)
    times.push(
      `<line class="grid" x1="${x(time)}" x2="${x(time)}" y1="${bottom}" y2="${bottom + 5}"/><text class="axis" x="${x(time)}" y="${bottom + 20}" text-anchor="middle">${time === 0 ? '0' : `${time > 0 ? '+' : '\u2212'}${count(Math.abs(time))}`}${time + step > last ? ' ms' : ''}</text>`,
    )
  return `<line class="floor" x1="${LEFT}" x2="${RIGHT}" y1="${FLOOR}" y2="${FLOOR}"/>${across.join('')}${times.join('')}`
}

const mood = (report: PromoteReport, probe: Probe): string =>
  probe.problem !== undefined ? 'failed' : probe.by === undefined ? 'unknown' : colour(report, probe.by)

function hint(report: PromoteReport, { kind, at, took, status, by, problem }: Probe): string {
  const slot = by === 'new' ? report.to.slot : by === 'old' ? report.from?.slot : undefined
  const result = problem ?? (slot === undefined ? String(status) : `${status} by ${slot}`)
  return `<title>${esc(`${LANE_TITLES[kind]}: ${result}, sent at ${Math.round(at)} ms, took ${took.toFixed(1)} ms`)}</title>`
}

function dot(report: PromoteReport, probe: Probe, { x, y }: Scales): string {
  const [cx, cy] = [x(probe.at + probe.took), y(probe.took)]
  const inside = hint(report, probe)
  if (probe.problem !== undefined)
    return `<path class="failed" d="M${cx - 5} ${cy - 5}l10 10m0-10l-10 10">${inside}</path>`
  if (probe.kind === 'kept')
    return `<rect class="dot ${mood(report, probe)}" x="${cx - 3.5}" y="${cy - 3.5}" width="7" height="7">${inside}</rect>`
  if (probe.kind === 'route')
    return `<path class="dot ${mood(report, probe)}" d="M${cx} ${cy - 5}l5 5l-5 5l-5-5z">${inside}</path>`
  return `<circle class="dot ${mood(report, probe)}" cx="${cx}" cy="${cy}" r="4">${inside}</circle>`
}

/** One stroke per response, in the colour of the slot that sent it. */
function lane(report: PromoteReport, kind: ProbeKind, top: number, { x }: Scales): string {
  const strokes = report.probes
    .filter(probe => probe.kind === kind)
    .map(probe => {
      const at = x(probe.at + probe.took)
      return `<rect class="tick ${mood(report, probe)}" x="${at - 2}" y="${top + 4}" width="4" height="${LANE - 8}" rx="1.5">${hint(report, probe)}</rect>`
    })
  return `<text class="lane" x="${LEFT - 12}" y="${top + LANE / 2 + 4}" text-anchor="end">${LANE_TITLES[kind]}</text><line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${top + LANE}" y2="${top + LANE}"/>${strokes.join('')}`
}

function legend(report: PromoteReport): string {
  const has = (by: Probe['by']) => report.probes.some(probe => probe.problem === undefined && probe.by === by)
  const names = [
    ...(report.from && has('old')
      ? [`<span class="key ${colour(report, 'old')}">answered by ${esc(report.from.slot)}</span>`]
      : []),
    ...(has('new') ? [`<span class="key ${colour(report, 'new')}">answered by ${esc(report.to.slot)}</span>`] : []),
    ...(has(undefined) ? ['<span class="key unknown">answered by an unknown slot</span>'] : []),
    '<span class="key failed">failed</span>',
    '<span class="shape">&#9679; new connection</span><span class="shape">&#9632; keep-alive connection</span><span class="shape">&#9670; router</span>',
  ]
  return names.join('')
}
