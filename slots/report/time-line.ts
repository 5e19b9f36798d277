/** The time line of a history: which slot was live when, and below it a mark for each entry of the journal. */
import { isRollback } from '../journal/history.ts'
import type { JournalEntry } from '../model.ts'
import { esc, isColour, utc } from './document.ts'

/** A history, as far as a time line shows it. */
interface Story {
  /** ISO 8601, UTC: when the report was created. */
  readonly at: string
  /** ISO 8601, UTC: where the line begins; with the first entry if null. */
  readonly since: string | null
  readonly entries: readonly JournalEntry[]
}

const WIDTH = 960
const LEFT = 92
const RIGHT = 936
const TOP = 14
const LANE = 40

type Event = JournalEntry['event']

const LANES: readonly { readonly title: string; has(event: Event): boolean }[] = [
  { title: 'deploys', has: event => event === 'deploy' || event === 'adopt' || event === 'check' },
  { title: 'promotes', has: event => event === 'promote' || event === 'canary' },
  { title: 'migrations', has: event => event === 'migrate' },
  { title: 'other', has: () => true },
]

export function timeLine(story: Story): string {
  const { entries } = story
  const colours = coloursOf(entries)
  const [first, last] = rangeOf(story)
  const x = (at: string | number) => {
    const time = typeof at === 'number' ? at : Date.parse(at)
    return Math.round((LEFT + ((time - first) / (last - first)) * (RIGHT - LEFT)) * 10) / 10
  }
  const laneOf = ({ event }: JournalEntry) => LANES.findIndex(({ has }) => has(event))
  const used = LANES.map((_, i) => i).filter(i => entries.some(entry => laneOf(entry) === i))
  const topOf = (row: number) => TOP + (row + 1) * LANE
  const bottom = topOf(used.length)
  const lanes = used.map((lane, row) => {
    // What failed is drawn above what was undone because of it.
    const marked = entries
      .filter(entry => laneOf(entry) === lane)
      .toSorted((a, b) => Number(a.result === 'failed') - Number(b.result === 'failed'))
    const marks = marked.map(entry => mark(entry, colours, x(entry.at), topOf(row) + LANE / 2))
    return `${label(LANES[lane]?.title ?? '', topOf(row))}${marks.join('')}`
  })
  const bands = liveTimes(entries, last).map(({ slot, from, until }) => {
    const [left, right] = [x(from ?? first), x(until)]
    const since = from === undefined ? '' : ` from ${utc(new Date(from).toISOString())}`
    const width = Math.max(1.5, right - left).toFixed(1)
    return `<rect class="live ${colours.get(slot)}" x="${left}" y="${TOP + 8}" width="${width}" height="${LANE - 16}" rx="4"><title>${esc(`${slot} was live${since}`)}</title></rect>`
  })
  return `<figure>
<svg viewBox="0 0 ${WIDTH} ${bottom + 34}" role="img" aria-label="Which slot was live when, and what was done">
${label('live', TOP)}${bands.join('')}
${lanes.join('\n')}
${ticks(first, last, bottom, x)}
</svg>
<figcaption>${legend(colours)}</figcaption>
</figure>`
}

type Colours = ReadonlyMap<string, string>

/** The class of each slot. */
function coloursOf(entries: readonly JournalEntry[]): Colours {
  const names = new Set(entries.flatMap(({ slot, from }) => [from ?? '', slot]).filter(Boolean))
  const others = ['old', 'new']
  return new Map([...names].sort().map(name => [name, isColour(name) ? name : (others.shift() ?? 'unknown')]))
}

const legend = (colours: Colours): string =>
  [
    ...[...colours].map(([name, colour]) => `<span class="key ${colour}">${esc(name)}</span>`),
    '<span class="shape">&#9679; done</span>',
    '<span class="shape">&#9670; rollback</span>',
    '<span class="shape">&#9675; undone or begun</span>',
    '<span class="key failed">failed</span>',
  ].join('')

/** In milliseconds since 1970, with some room at each end. */
function rangeOf({ at, since, entries }: Story): readonly [number, number] {
  const times = entries.map(entry => Date.parse(entry.at))
  const first = since === null ? Math.min(...times) : Date.parse(since)
  const last = since === null ? Math.max(...times) : Math.max(Date.parse(at), ...times)
  const room = Math.max(30_000, (last - first) * 0.02)
  return [first - room, last + room]
}

interface LiveTime {
  readonly slot: string
  /** Milliseconds since 1970; undefined if it was live before the first entry that says so. */
  readonly from: number | undefined
  readonly until: number
}

/** When each slot was live, as far as the entries tell. */
export function liveTimes(entries: readonly JournalEntry[], end: number): readonly LiveTime[] {
  const moved = entries.filter(
    ({ event, result, slot }) => slot !== '' && result === 'done' && (event === 'promote' || event === 'adopt'),
  )
  const [first] = moved
  const before = first?.from === undefined ? [] : [{ slot: first.from, from: undefined, until: Date.parse(first.at) }]
  return [
    ...before,
    ...moved.map(({ slot, at }, i) => ({
      slot,
      from: Date.parse(at),
      until: Date.parse(moved[i + 1]?.at ?? '') || end,
    })),
  ]
}

const label = (title: string, top: number): string =>
  `<text class="lane" x="${LEFT - 12}" y="${top + LANE / 2 + 4}" text-anchor="end">${title}</text><line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${top + LANE}" y2="${top + LANE}"/>`

function mark(entry: JournalEntry, colours: Colours, x: number, y: number): string {
  const { event, slot, release, result, why, by, at } = entry
  const back = isRollback(entry)
  const what = [back ? 'rollback' : event, slot && `to ${slot}`, release].filter(Boolean).join(' ')
  const title = `<title>${esc(`${utc(at)}: ${what}, ${result}${why === undefined ? '' : ` (${why})`}, by ${by}`)}</title>`
  const colour = colours.get(slot) ?? 'unknown'
  if (result === 'failed') return `<path class="failed" d="M${x - 5} ${y - 5}l10 10m0-10l-10 10">${title}</path>`
  if (back) return `<path class="dot ${colour}" d="M${x} ${y - 7}l7 7l-7 7l-7-7z">${title}</path>`
  const open = result === 'done' ? '' : ' hollow'
  return `<circle class="dot${open} ${colour}" cx="${x}" cy="${y}" r="6">${title}</circle>`
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [1, 5, 15, 30]
  .map(n => n * MINUTE)
  .concat(
    [1, 3, 6, 12].map(n => n * HOUR),
    [1, 2, 7, 30, 90].map(n => n * DAY),
  )

/** Times of UTC; dates where a day is the smallest step, or begins. */
function ticks(first: number, last: number, bottom: number, x: (at: number) => number): string {
  const step = STEPS.find(each => (last - first) / each <= 9) ?? 365 * DAY
  const all: string[] = []
  for (let time = Math.ceil(first / step) * step; time <= last; time += step) {
    const iso = new Date(time).toISOString()
    const text = time % DAY === 0 ? iso.slice(5, 10) : iso.slice(11, 16)
    all.push(
      `<line class="grid" x1="${x(time)}" x2="${x(time)}" y1="${TOP}" y2="${bottom + 5}"/><text class="axis" x="${x(time)}" y="${bottom + 21}" text-anchor="middle">${text}</text>`,
    )
  }
  return all.join('')
}
