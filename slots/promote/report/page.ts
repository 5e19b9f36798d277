/**
 * Renders the report of a promote as one self-contained HTML page, without scripts and external resources, for light and dark mode.
 */
import { KINDS, type Probe, type ProbeKind } from '../probe.ts'
import type { PromoteReport } from './data.ts'

const WIDTH = 960
/** Edges of the plot, and from top to bottom: the latencies, then one lane of responses per kind. */
const LEFT = 132
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
  const facts: readonly (readonly [string, string])[] = [
    ...(destination === undefined ? [] : ([['destination', destination]] as const)),
    ['host', host],
    ['release', to.release],
    ['generation', generation],
    ['by', by],
    ['at', at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${esc(app)}: ${esc(moved)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<p class="app">${esc(app)}</p>
<h1>${from ? `${tag(report, 'old')}<span class="arrow">&rarr;</span>` : ''}${tag(report, 'new')}</h1>
<p class="outcome ${problem === null ? 'good' : 'bad'}">${esc(outcome(report))}</p>
</header>
${cards(report)}
${report.probes.length > 0 ? figure(report) : '<p class="none">This promote was not probed.</p>'}
${steps(report)}
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${esc(value)}</dd></div>`).join('')}</dl>
</main>
</body>
</html>
`
}

export const esc = (text: string): string =>
  text.replace(/[&<>"']/g, found => `&#${found.charCodeAt(0)};`).replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '\ufffd')

const outcome = ({ problem, stays }: PromoteReport): string =>
  [problem === null || stays !== null ? 'The traffic moved.' : 'The traffic went back.', problem, stays && `${stays}.`]
    .filter(Boolean)
    .join(' ')

const slotLabel = (slot: string, version: string | null) => (version === null ? slot : `${slot} ${version}`)

/** Slots named blue or green have that colour; others have one for the old and one for the new slot. */
function colour({ from, to }: PromoteReport, part: 'old' | 'new'): string {
  const slot = part === 'new' ? to.slot : from?.slot
  return slot === 'blue' || slot === 'green' ? slot : part
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
  const all: readonly (readonly [string, string, string, string])[] = [
    [count(sent), 'requests sent', 'without retries', ''],
    [count(failures), 'failed', reasons.join(', ') || 'after the switch', failures > 0 ? 'bad' : 'good'],
    [ms(firstNew), 'first new answer', 'after the command', ''],
    [lastOld === undefined ? 'none' : ms(lastOld), 'last old answer', 'after the command', ''],
    [ms(slowest), 'slowest answer', 'before or after', ''],
  ]
  const card = ([figure, title, note, mood]: (typeof all)[number]) =>
    `<li class="${mood}"><strong>${esc(figure)}</strong><span>${esc(title)}</span><small>${esc(note)}</small></li>`
  return `<ul class="cards">${all.map(card).join('')}</ul>`
}

const count = (n: number) => n.toLocaleString('en-US')
const ms = (time: number | undefined) =>
  time === undefined ? 'none' : time < 10 ? `${time.toFixed(1)} ms` : `${count(Math.round(time))} ms`

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

function steps({ steps, problem }: PromoteReport): string {
  if (steps.length === 0) return ''
  const end = Math.max(1, ...steps.map(step => step.at + step.took))
  const rows = steps.map(({ title, at, took }) => {
    const [left, width] = [(at / end) * 100, Math.max(0.4, (took / end) * 100)]
    return `<tr><th scope="row">${esc(title)}</th><td class="bar"><span style="margin-left:${left.toFixed(2)}%;width:${Math.min(width, 100 - left).toFixed(2)}%"></span></td><td class="took">${ms(took)}</td></tr>`
  })
  return `<table class="${problem === null ? '' : 'bad'}"><tbody>${rows.join('')}</tbody></table>`
}

const STYLE = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#16191f;--soft:#5d6675;--line:#e3e6eb;--blue:#2563eb;--green:#16924a;--old:#8b5cf6;--new:#0e8f9c;--unknown:#8d96a5;--bad:#d92d20;--good:#16924a;--band:#f5c24255}
@media (prefers-color-scheme:dark){:root{--page:#0f1217;--card:#181c23;--ink:#e8ebf0;--soft:#98a2b3;--line:#2b313b;--blue:#6ea0ff;--green:#4ccb83;--old:#b79bff;--new:#4fd0dc;--unknown:#727c8c;--bad:#ff6f61;--good:#4ccb83;--band:#f5c24240}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 24px 56px}
.app{margin:0;color:var(--soft);font-size:13px;letter-spacing:.08em;text-transform:uppercase}
h1{margin:4px 0 6px;font-size:32px;line-height:1.2;font-weight:650;display:flex;flex-wrap:wrap;align-items:baseline;gap:14px}
h1 small{font-size:20px;font-weight:450;color:var(--soft)}
.arrow{color:var(--soft);font-weight:400}
.slot::before{content:"";display:inline-block;width:.42em;height:.42em;border-radius:50%;margin-right:.35em;vertical-align:.14em;background:currentColor}
.slot{color:var(--ink)}.slot.blue::before{background:var(--blue)}.slot.green::before{background:var(--green)}.slot.old::before{background:var(--old)}.slot.new::before{background:var(--new)}
.outcome{margin:0;font-weight:550}.outcome.good{color:var(--good)}.outcome.bad{color:var(--bad)}
.cards{list-style:none;margin:26px 0 0;padding:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(168px,1fr));gap:12px}
.cards li,figure,table,dl,.none{background:var(--card);border:1px solid var(--line);border-radius:12px}
.cards li{padding:14px 16px;display:flex;flex-direction:column}
.cards strong{font-size:25px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.cards .good strong{color:var(--good)}.cards .bad strong{color:var(--bad)}
.cards small{color:var(--soft);font-size:12.5px}
figure{margin:16px 0 0;padding:18px 12px 14px}
svg{display:block;width:100%;height:auto;font-size:12.5px}
svg text{fill:var(--soft);font-family:inherit}svg text.lane{fill:var(--ink)}svg text.switch{fill:var(--ink);font-weight:600}
.grid{stroke:var(--line)}.floor{stroke:var(--soft);stroke-opacity:.5}
.before{fill:var(--ink);fill-opacity:.028}.band{fill:var(--band)}line.switch{stroke:var(--ink);stroke-width:1.5}
.dot{fill-opacity:.72;stroke:var(--card);stroke-width:.8}
.blue{fill:var(--blue)}.green{fill:var(--green)}.old{fill:var(--old)}.new{fill:var(--new)}.unknown{fill:var(--unknown)}
path.failed{stroke:var(--bad);stroke-width:2.4;stroke-linecap:round;fill:none}.tick.failed{fill:var(--bad)}
figcaption{display:flex;flex-wrap:wrap;gap:4px 20px;padding:12px 12px 0;color:var(--soft);font-size:13px}
.key::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:7px;background:var(--unknown)}
.key.blue::before{background:var(--blue)}.key.green::before{background:var(--green)}.key.old::before{background:var(--old)}.key.new::before{background:var(--new)}.key.failed::before{background:var(--bad)}
table{margin:16px 0 0;width:100%;border-spacing:0;padding:10px 16px}
th,td{padding:6px 0;text-align:left;font-weight:450}th{width:16em}.took{width:6em;text-align:right;color:var(--soft);font-variant-numeric:tabular-nums}
.bar span{display:block;height:9px;border-radius:5px;background:var(--soft);opacity:.55}.bad .bar span{background:var(--bad)}
dl{margin:16px 0 0;padding:12px 16px;display:flex;flex-wrap:wrap;gap:6px 34px}
dt{color:var(--soft);font-size:12.5px}dd{margin:0;overflow-wrap:anywhere;font-size:14px}
.none{margin:16px 0 0;padding:18px;color:var(--soft)}
@media (max-width:640px){figure{overflow-x:auto}svg{min-width:680px}th{width:auto}.bar{display:none}main{padding:24px 14px}}
@media print{body{background:#fff}}
`
