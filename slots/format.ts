/** @example `1 connection`, `3 connections` */
export const pluralize = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

/** @example `n1, n2 and n3` */
export const inWords = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`

/** @example `router says blue, public answer says blue, records say green` */
export const describeReadings = (readings: readonly (readonly [string, string])[]): string =>
  readings.map(([source, slot]) => `${source} ${source === 'records' ? 'say' : 'says'} ${slot}`).join(', ')
