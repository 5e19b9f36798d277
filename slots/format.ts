/** @example `1 connection`, `3 connections` */
export const pluralize = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

/** @example `router says blue, public answer says blue, records say green` */
export const describeReadings = (readings: readonly (readonly [string, string])[]): string =>
  readings.map(([source, slot]) => `${source} ${source === 'records' ? 'say' : 'says'} ${slot}`).join(', ')
