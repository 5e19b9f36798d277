/** Formats sizes, times, lists and the output of programs for messages. */

/** `812 B`, `8.1 kB`, `12.3 MB`. */
export const bytes = (count: number): string =>
  count < 1e3 ? `${count} B` : count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`

/** A duration in milliseconds: `0.4 s`, `12 s`, `2 min 03 s`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** A time in milliseconds: `none`, `4.2 ms`, `1,234 ms`. */
export const milliseconds = (time: number | undefined): string =>
  time === undefined ? 'none' : time < 10 ? `${time.toFixed(1)} ms` : `${Math.round(time).toLocaleString('en-US')} ms`

/** An age in seconds, in its two largest units: `3d 4h`, `12m 5s`. */
export function age(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const
  const first = units.findIndex(([, size]) => seconds >= size)
  if (first < 0) return '0s'
  return units
    .slice(first, first + 2)
    .map(([unit, size], i) => `${Math.floor((i === 0 ? seconds : seconds % (units[first]?.[1] ?? 1)) / size)}${unit}`)
    .join(' ')
}

/** An ISO 8601 time in UTC, to the second: `2026-11-25 10:00:00Z`. */
export const moment = (at: string): string => at.replace('T', ' ').replace(/\.\d+Z$/, 'Z')

/** Several things in a sentence: `a`, `a and b`, `a, b and c`. */
export const listed = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`

/** The last lines of a program's output. */
export const lastLines = (text: string, count = 20): string => text.trimEnd().split('\n').slice(-count).join('\n')

/** The last line of a program's output, in which most of them name the cause; `no reason given` if there is none. */
export const lastLine = (text: string): string => lastLines(text, 1).trim() || 'no reason given'
