/** How the renderers for people put things. */
import type { RunEvent } from '../events.ts'
import type { Traffic } from '../task.ts'
import { table } from './table.ts'

/** `0.4 s`, `12 s`, `2 min 03 s`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** Cause, place, what to do next, and the rest below. */
export function errorLines(error: Of<'error'>, verbose: boolean): string[] {
  const during = { run: 'error', undo: 'error while undoing', close: 'error while closing' }[error.during]
  const more = [...(error.detail?.split('\n') ?? []), ...(verbose ? (error.stack?.split('\n').slice(1) ?? []) : [])]
  return [
    `${during}: ${error.message} [${error.code}]`,
    ...more.map(line => `    ${line}`.trimEnd()),
    `  next: ${error.next}`,
  ]
}

/** The last line of a run. */
export function resultLine({ ok, title, ms, dryRun, exit }: Of<'result'>): string {
  const how = ok ? 'done' : exit === 130 ? 'interrupted' : 'failed'
  return `${title}: ${how}${dryRun ? ' (dry run, nothing was changed)' : ''} in ${duration(ms)}`
}

/** What a failed run left behind, for the end. */
export function leftLines({ undone, left }: Of<'result'>): string[] {
  return [
    ...(undone.length > 0 ? [`undone: ${undone.join('; ')}`] : []),
    ...(left.length > 0 ? [`not undone: ${left.join('; ')}`] : []),
  ]
}

export function interruptLine({ signal, title }: Of<'interrupt'>): string {
  const doing = title === undefined ? 'finishing what is being undone' : `stopping \`${title}\`, then undoing`
  return `${signal}: ${doing}. Once more ends at once.`
}

export const stuckLine = ({ title, ms }: Of<'stuck'>): string =>
  `\`${title}\` did not stop within ${duration(ms)}; going on without it.`

export function abandonLines({ signal, left }: Of<'abandon'>): string[] {
  return [
    `${signal} again: ending at once.`,
    ...(left.length === 0
      ? ['Nothing was left to undo.']
      : ['Left to undo, newest first:', ...left.map(one => `  - ${one}`)]),
  ]
}

const HEADS = ['time', 'round trips', 'up', 'down']

/** A table of the steps and their times, and where a host was reached, of what travelled. */
export function timingLines({ timings, ms, traffic }: Of<'result'>, columns?: number): string[] {
  if (!timings) return []
  const whole = { title: 'all', ms, ...(traffic && { traffic }) }
  const rows = [...timings, whole].map(one => [one.title, duration(one.ms), ...travelled(one.traffic, traffic)])
  const all = traffic ? [['', ...HEADS], ...rows] : rows
  const width = Math.max(...rows.map(([title = '']) => title.length))
  const column = (cell: string, i: number) => cell.padStart(Math.max(10, HEADS[i]?.length ?? 0))
  const lines = all.map(([title = '', ...cells]) => `  ${title.padEnd(width)}  ${cells.map(column).join('  ')}`)
  if (columns === undefined || lines.every(line => line.length <= columns)) return lines
  return table(rows, { columns, head: ['step', ...HEADS].slice(0, rows[0]?.length) }).split('\n')
}

const travelled = (of: Traffic | undefined, all: Traffic | undefined): string[] => {
  if (!all) return []
  if (!of || of.sent + of.received === 0) return ['-', '-', '-']
  return [String(of.roundTrips), bytes(of.sent), bytes(of.received)]
}

/** `812 B`, `8.1 kB`, `12.3 MB`. */
const bytes = (count: number): string =>
  count < 1e3 ? `${count} B` : count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`
