import { describe, expect, it } from 'vitest'
import { latencyPlot, seesPlot } from '../../../slots/promote/plot.ts'
import type { Probe } from '../../../slots/promote/probe.ts'

const probe = (at: number, took: number, problem?: string): Probe => ({
  kind: 'fresh',
  at,
  took,
  status: problem === undefined ? 200 : 502,
  by: at < 0 ? 'old' : 'new',
  problem,
})
const probes = Array.from({ length: 20 }, (_, i) => probe(i * 100 - 800, i === 8 ? 16 : 4))

describe('the plot of a switch', () => {
  it('shows the slowest answer of each moment, and where the switch was', () => {
    expect(latencyPlot({ probes, from: 'blue', to: 'green' }, 40)).toBe(`16 ms │              █
      │              █
      │              █
      │██ █ █ ██ █ █ ██ █ ██ █ █ ██ █ ██
      └─────────────┴───────────────────
       blue         green`)
  })

  it.each([40, 57, 80, 100, 200])('has six lines that fit %i columns', columns => {
    const lines = latencyPlot({ probes, from: 'blue', to: 'green' }, columns)?.split('\n') ?? []
    expect(lines).toHaveLength(6)
    expect(lines.filter(line => line.length > columns)).toEqual([])
  })

  it('marks a failure, also beside a slow answer', () => {
    const plot = latencyPlot({ probes: [...probes, probe(500, 1, '502')], from: 'blue', to: 'green' }, 80)
    expect(plot?.match(/×/g)).toHaveLength(1)
  })

  it('names the new slot alone for a first promote, and needs probes', () => {
    expect(latencyPlot({ probes: [probe(-5, 1), probe(5, 1)], from: undefined, to: 'blue' }, 60)).toMatch(/^ +blue$/m)
    expect(latencyPlot({ probes: [], from: undefined, to: 'blue' }, 60)).toBeUndefined()
  })
})

it('a plot is drawn in a terminal that is wide enough, and not for logs and screen readers', () => {
  expect([40, 200].map(columns => seesPlot(columns, { TERM: 'xterm' }))).toEqual([true, true])
  expect([undefined, 39].map(columns => seesPlot(columns, { TERM: 'xterm' }))).toEqual([false, false])
  for (const env of [{ CI: '1' }, { NO_COLOR: '1' }, { TERM: 'dumb' }]) expect(seesPlot(80, env)).toBe(false)
})
