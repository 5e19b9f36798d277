/** Measurements as data: samples, their spread, and the slope of one figure over another. Pure. */

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** @throws RangeError if there are no samples */
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

/**
 * The slope of the least-squares line through the points.
 *
 * @throws RangeError if all points have the same x
 */
export function slope(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean(point => point.x), mean(point => point.y)]
  const across = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0)
  if (across === 0) throw new RangeError('a slope needs two different x values')
  return points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / across
}

/** Divides each sample by the base sample of the same iteration; the two were taken alternately. */
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

/** A figure that could not be measured on this machine, and why. */
export interface Missing {
  readonly who: string
  readonly why: string
}

export interface Row {
  readonly work: string
  readonly figures: readonly (Measured | Missing)[]
  /** The figure that has a goal, and its upper limit, or its lower limit if `least` is true. */
  readonly goal?: {
    readonly of: Measured
    readonly limit: number
    readonly least?: boolean
  }
}

/** Whether the median meets the goal; undefined if the row has none. */
export function met({ goal }: Row): boolean | undefined {
  if (goal === undefined) return undefined
  const { median } = spread(goal.of.samples)
  return goal.least === true ? median >= goal.limit : median <= goal.limit
}
