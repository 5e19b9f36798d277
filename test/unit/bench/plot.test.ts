import { expect, it } from 'vitest'
import { type Plot, plot } from '../../../bench/plot.ts'

const chart: Plot = {
  title: 'Bytes & <time>',
  x: 'MB',
  y: 'seconds',
  lines: [
    { name: 'first', points: [10, 100, 500].map(x => ({ x, y: x / 10 })) },
    { name: 'again', points: [10, 100, 500].map(x => ({ x, y: 1 })) },
  ],
}
const dots = (svg: string) =>
  [...svg.matchAll(/class="dot(\d)" cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, line, x, y]) => ({
    line: Number(line),
    x: Number(x),
    y: Number(y),
  }))

it('a plot draws each point once, inside the picture', () => {
  const drawn = dots(plot(chart))
  expect(drawn.map(dot => dot.line)).toEqual([0, 0, 0, 1, 1, 1])
  for (const { x, y } of drawn) {
    expect(x).toBeGreaterThan(0)
    expect(x).toBeLessThanOrEqual(560)
    expect(y).toBeGreaterThan(0)
    expect(y).toBeLessThan(300)
  }
})

it('a plot scales points, with larger values higher', () => {
  const [a, b, c] = dots(plot(chart))
  if (!a || !b || !c) throw new Error('three points were not drawn')
  expect((c.x - a.x) / (b.x - a.x)).toBeCloseTo(490 / 90, 1)
  expect((a.y - c.y) / (a.y - b.y)).toBeCloseTo(490 / 90, 1)
})

it('a plot joins the points of a line from left to right', () => {
  const points = [
    { x: 2, y: 1 },
    { x: 0, y: 1 },
    { x: 1, y: 1 },
  ]
  const svg = plot({ ...chart, lines: [{ name: 'one', points }] })
  const across = [...(/class="line0" d="(M[\d.]+ [\d.]+L[^"]+)"/.exec(svg)?.[1] ?? '').matchAll(/[ML]([\d.]+)/g)].map(
    ([, x]) => Number(x),
  )
  expect(across).toHaveLength(3)
  expect(across).toEqual(across.toSorted((a, b) => a - b))
})

it('a plot escapes its labels', () => {
  const svg = plot(chart)
  expect(svg).toContain('Bytes &amp; &lt;time&gt;')
  expect(svg).not.toContain('<time>')
})

it('a plot has colours for light and dark pages', () => {
  expect(plot(chart)).toContain('@media(prefers-color-scheme:dark)')
})

it('a plot of only zeros is valid', () => {
  expect(plot({ ...chart, lines: [{ name: 'none', points: [{ x: 0, y: 0 }] }] })).not.toContain('NaN')
})
