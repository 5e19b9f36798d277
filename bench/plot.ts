/** Renders a small line chart as SVG, readable on light and dark pages. Pure. */
import type { Point } from './figures.ts'

export interface Line {
  readonly name: string
  readonly points: readonly Point[]
}

export interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly lines: readonly Line[]
}

const WIDTH = 560
const HEIGHT = 300
const LEFT = 64
const RIGHT = 16
const TOP = 56
const BOTTOM = 46
/** Lines differ in dash pattern as well as in colour. */
const STYLES = [
  { light: '#0b62c4', dark: '#6cb2ff', dash: 'none' },
  { light: '#b3471d', dark: '#ffa270', dash: '6 4' },
  { light: '#19773a', dark: '#6ddc93', dash: '2 3' },
  { light: '#7a3fb0', dark: '#cfa5ff', dash: '8 3 2 3' },
]

export function plot({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap(line => line.points)
  const right = Math.max(...points.map(point => point.x))
  const { top, step } = scale(Math.max(...points.map(point => point.y)))
  const across = (value: number) => round(LEFT + ((WIDTH - LEFT - RIGHT) * value) / (right || 1))
  const up = (value: number) => round(HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / top)
  const ticksX = [...new Set(points.map(point => point.x))].sort((a, b) => a - b)
  const ticksY = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step)
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style()}</style>`,
    text(LEFT, 18, title, 'class="title"'),
    ...lines.map((line, i) => legend(line.name, i)),
    ...ticksY.flatMap(tick => [
      `<path class="grid" d="M${LEFT} ${up(tick)}H${WIDTH - RIGHT}"/>`,
      text(LEFT - 6, up(tick) + 4, formatted(tick), 'text-anchor="end"'),
    ]),
    ...spaced(ticksX, across).map(tick =>
      text(across(tick), HEIGHT - BOTTOM + 16, formatted(tick), 'text-anchor="middle"'),
    ),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x, 'text-anchor="middle"'),
    text(
      14,
      (TOP + HEIGHT - BOTTOM) / 2,
      y,
      `text-anchor="middle" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})"`,
    ),
    ...lines.map((line, i) => drawLine(line, i, across, up)),
    '</svg>',
  ].join('\n')}\n`
}

function drawLine({ points }: Line, i: number, across: (x: number) => number, up: (y: number) => number): string {
  const sorted = [...points].sort((a, b) => a.x - b.x)
  const path = sorted.map((point, n) => `${n === 0 ? 'M' : 'L'}${across(point.x)} ${up(point.y)}`).join('')
  const dots = sorted.map(
    point => `<circle class="dot${i % STYLES.length}" cx="${across(point.x)}" cy="${up(point.y)}" r="3"/>`,
  )
  return [`<path class="line${i % STYLES.length}" d="${path}"/>`, ...dots].join('')
}

function legend(name: string, i: number): string {
  const left = LEFT + (i % 4) * 120
  return `<path class="line${i % STYLES.length}" d="M${left} 34h22"/>${text(left + 27, 38, name)}`
}

function style(): string {
  const colours = (scheme: 'light' | 'dark') =>
    STYLES.map((style, i) => `.line${i}{stroke:${style[scheme]}}.dot${i}{fill:${style[scheme]}}`).join('')
  const lines = STYLES.map((style, i) => `.line${i}{fill:none;stroke-width:2;stroke-dasharray:${style.dash}}`).join('')
  return (
    `text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.grid{stroke:#8886;fill:none}${lines}${colours('light')}` +
    `@media(prefers-color-scheme:dark){text{fill:#e6edf3}${colours('dark')}}`
  )
}

const text = (x: number, y: number, label: string, more = '') =>
  `<text x="${round(x)}" y="${round(y)}"${more && ` ${more}`}>${escapeXml(label)}</text>`

/** An axis of about five steps, each 1, 2 or 5 times a power of ten, up to at least `most`. */
function scale(most: number): { top: number; step: number } {
  const rough = (most || 1) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find(factor => factor * power >= rough) ?? 10) * power
  return { top: Math.ceil((most || 1) / step - 1e-9) * step, step }
}

/** Leaves out ticks whose labels would overlap. */
function spaced(ticks: readonly number[], across: (x: number) => number): number[] {
  const kept: number[] = []
  for (const tick of ticks) {
    const last = kept.at(-1)
    if (last === undefined || across(tick) - across(last) >= 30) kept.push(tick)
  }
  return kept
}

const formatted = (value: number) => Number(value.toPrecision(6)).toLocaleString('en-US')
const round = (value: number) => Math.round(value * 10) / 10
const escapeXml = (label: string) => label.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
