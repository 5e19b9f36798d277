/** How the renderers for people put things. */
import type { RunEvent } from '../events.ts'
import type { Traffic } from '../task.ts'
import { bytes, duration } from '../units.ts'
import { table } from './table.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** Cause, place, what to do next, and the rest below. */
export function errorLines(error: Of<'error'>, verbose: boolean): string[] {
  const during = { run: 'error', undo: 'error while undoing', close: 'error while closing' }[error.during]
  const more = [...(error.detail?.split('\n') ?? []), ...(verbose ? (error.stack?.split('\n').slice(1) ?? []) : [])]
  return [
    `${during}: ${error.message} [${error.code}]`,
    ...more.map(line => `    ${line}`.trimEnd()),
    `  next: ${error.hint}`,
  ]
}

/** The last line of a run. */
export function resultLine({ ok, title, ms, dryRun, exitCode: exit }: Of<'result'>): string {
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
