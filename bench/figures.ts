/** What was measured, as data: samples, their spread, and the slope of one figure over another. Pure. */

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** @throws RangeError for no samples: nothing measured is no figure */
export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [min, max] = [sorted[0], sorted.at(-1)]
  const low = sorted[Math.ceil(middle) - 1]
  const high = sorted[Math.floor(middle)]
  if (min === undefined || max === undefined || low === undefined || high === undefined)
    throw new RangeError('nothing was measured')
  return { min, median: (low + high) / 2, max }
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** The slope of the line that lies closest to the points (least squares). */
export function slope(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean(point => point.x), mean(point => point.y)]
  const across = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0)
  if (across === 0) throw new RangeError('a slope needs two places')
  return points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / across
}

/** Samples that were taken in turns, each over the one of the same turn. */
export const ratios = (samples: readonly number[], base: readonly number[]): number[] =>
  samples.flatMap((sample, i) => {
    const other = base[i]
    return other === undefined ? [] : [sample / other]
  })

export type Unit = 'ms' | 'KB' | 'MB' | 'MB/s' | 'round trips' | 'x'

export interface Measured {
  readonly who: string
  readonly unit: Unit
  readonly samples: readonly number[]
}

/** Something that could not be measured here, and why. */
export interface Missing {
  readonly who: string
  readonly why: string
}

export interface Row {
  readonly work: string
  readonly figures: readonly (Measured | Missing)[]
  /** What is compared with the goal, and the most (or least) that it may be. */
  readonly goal?: {
    readonly of: Measured
    readonly limit: number
    readonly least?: boolean
  }
}

/** Whether the median reaches the goal; `undefined` where the row has none. */
export function met({ goal }: Row): boolean | undefined {
  if (goal === undefined) return undefined
  const { median } = spread(goal.of.samples)
  return goal.least === true ? median >= goal.limit : median <= goal.limit
}
