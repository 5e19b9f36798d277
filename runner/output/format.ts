/** The texts of the plain and the tree renderer. */
import type { RunEvent } from '../events.ts'
import type { Traffic } from '../task.ts'
import { bytes, duration } from '../units.ts'
import { table } from './table.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** The message, the details, the hint, and where to read more. */
export function errorLines(error: Of<'error'>, verbose: boolean): string[] {
  const kind = { run: 'error', undo: 'error while undoing', close: 'error while closing' }[error.during]
  const prefix = error.host === undefined ? kind : `${kind} on ${error.host}`
  const more = [...(error.detail?.split('\n') ?? []), ...(verbose ? (error.stack?.split('\n').slice(1) ?? []) : [])]
  return [
    `${prefix}: ${error.message} [${error.code}]`,
    ...more.map(line => `    ${line}`.trimEnd()),
    `  next: ${error.hint}`,
    ...(error.explained ? [`  more: npx task explain ${error.code}`] : []),
  ]
}

/** A line of a step, after its host. */
export const outputLine = ({ host, line }: Pick<Of<'output' | 'print'>, 'host' | 'line'>): string =>
  host === undefined ? line : `${host} | ${line}`

/** What stands before a line of the result: its host and its label; undefined if it has none. */
export const labelOf = ({ host, label }: Pick<Of<'print'>, 'host' | 'label'>): string | undefined =>
  host === undefined && label === undefined ? undefined : [host, label].filter(Boolean).join(' ')

/** A line of the result, after its label. */
export function printedLine(event: Pick<Of<'print'>, 'host' | 'label' | 'line'>): string {
  const label = labelOf(event)
  return label === undefined ? event.line : `${label} | ${event.line}`
}

/** The last line of a run: its result. */
export function resultLine({ ok, title, ms, dryRun, exitCode: exit }: Of<'result'>): string {
  const how = ok ? 'done' : exit === 130 ? 'interrupted' : 'failed'
  return `${title}: ${how}${dryRun ? ' (dry run, nothing was changed)' : ''} in ${duration(ms)}`
}

/** What a failed run has undone, and what it could not undo. */
export function leftLines({ undone, left }: Of<'result'>): string[] {
  return [
    ...(undone.length > 0 ? [`undone: ${undone.join('; ')}`] : []),
    ...(left.length > 0 ? [`not undone: ${left.join('; ')}`] : []),
  ]
}

export function interruptLine({ signal, title }: Of<'interrupt'>): string {
  const doing = title === undefined ? 'finishing the undo' : `stopping \`${title}\`, then undoing`
  return `${signal}: ${doing}. A second signal ends the program at once.`
}

export const stuckLine = ({ title, ms }: Of<'stuck'>): string =>
  `\`${title}\` did not stop within ${duration(ms)}; continuing without it.`

export function abandonLines({ signal, left }: Of<'abandon'>): string[] {
  return [
    `${signal} again: ending at once.`,
    ...(left.length === 0
      ? ['Nothing was left to undo.']
      : ['Left to undo, newest first:', ...left.map(title => `  - ${title}`)]),
  ]
}

const HEADS = ['time', 'round trips', 'up', 'down']

/** A table of the steps with their durations and, if a host was reached, their traffic. */
export function timingLines({ timings, ms, traffic }: Of<'result'>, columns?: number): string[] {
  if (!timings) return []
  const total = { title: 'all', ms, ...(traffic && { traffic }) }
  const rows = [...timings, total].map(timing => [
    timing.title,
    duration(timing.ms),
    ...trafficCells(timing.traffic, traffic),
  ])
  const all = traffic ? [['', ...HEADS], ...rows] : rows
  const width = Math.max(...rows.map(([title = '']) => title.length))
  const column = (cell: string, i: number) => cell.padStart(Math.max(10, HEADS[i]?.length ?? 0))
  const lines = all.map(([title = '', ...cells]) => `  ${title.padEnd(width)}  ${cells.map(column).join('  ')}`)
  if (columns === undefined || lines.every(line => line.length <= columns)) return lines
  return table(rows, { columns, head: ['step', ...HEADS].slice(0, rows[0]?.length) }).split('\n')
}

const trafficCells = (of: Traffic | undefined, all: Traffic | undefined): string[] => {
  if (!all) return []
  if (!of || of.sent + of.received === 0) return ['-', '-', '-']
  return [String(of.roundTrips), bytes(of.sent), bytes(of.received)]
}
