import { describe, expect, it } from 'vitest'
import { type Measured, met, type Row, ratios, slope, spread } from '../../../bench/figures.ts'

const measured = (...samples: number[]): Measured => ({ who: 'ours', unit: 'ms', samples })
const row = (of: Measured, limit: number, least?: boolean): Row => ({
  work: 'something',
  figures: [of],
  goal: { of, limit, ...(least === undefined ? {} : { least }) },
})

describe('a spread', () => {
  it('is minimum, median and maximum in any order of samples', () => {
    expect(spread([9, 1, 5])).toEqual({ min: 1, median: 5, max: 9 })
  })

  it('has the mean of the two middle samples if their number is even', () => {
    expect(spread([4, 1, 10, 2])).toEqual({ min: 1, median: 3, max: 10 })
  })

  it('of a single sample is that sample', () => {
    expect(spread([7])).toEqual({ min: 7, median: 7, max: 7 })
  })

  it('of no samples throws an error', () => {
    expect(() => spread([])).toThrow('nothing was measured')
  })
})

describe('a slope', () => {
  it('is the number of round trips of work that also takes a fixed time', () => {
    const work = (roundTrip: number) => ({ x: roundTrip, y: 1_650 + 13 * roundTrip })
    expect(slope([0, 100, 200].map(work))).toBeCloseTo(13)
  })

  it('fits noisy points', () => {
    expect(
      slope([
        { x: 0, y: 10 },
        { x: 1, y: 0 },
        { x: 2, y: 20 },
      ]),
    ).toBeCloseTo(5)
  })

  it('needs two different x values', () => {
    expect(() => slope([{ x: 1, y: 1 }])).toThrow('two different x values')
  })
})

describe('ratios', () => {
  it('compare the samples of one round, and skip a round that only one has', () => {
    expect(ratios([10, 30, 50], [5, 10])).toEqual([2, 3])
  })
})

describe('a goal', () => {
  it('is met by the median, not by the best', () => {
    expect(met(row(measured(1, 5, 9), 4))).toBe(false)
    expect(met(row(measured(1, 5, 9), 5))).toBe(true)
  })

  it('can be a minimum', () => {
    expect(met(row(measured(90, 100), 96, true))).toBe(false)
    expect(met(row(measured(90, 102), 96, true))).toBe(true)
  })

  it('is undefined for a row without one', () => {
    expect(met({ work: 'something', figures: [measured(1)] })).toBeUndefined()
  })
})
