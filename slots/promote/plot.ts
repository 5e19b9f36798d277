/** A small plot of the latencies around a switch, for a terminal. Pure. */
import { type Measured, measuredLine } from './measured.ts'
import type { Probe } from './probe.ts'

/** Lines of bars, without the axis. */
const HEIGHT = 4
const NARROWEST = 40
/** A wider plot has no more to tell: a probe comes every 25 ms. */
const WIDEST = 100
const EIGHTHS = ' ▁▂▃▄▅▆▇█'
const FAILED = '×'

export interface Plotted {
  readonly probes: readonly Probe[]
  /** The slot that was live, if one was. */
  readonly from: string | undefined
  readonly to: string
}

/** What a switch ends with: the plot, if it can be seen, and the measurements in one line. */
export function measuredText(measured: Measured, plotted: Plotted | undefined, columns: number | undefined): string {
  const plot = plotted && seesPlot(columns, process.env) ? latencyPlot(plotted, columns) : undefined
  return [...(plot === undefined ? [] : [plot]), measuredLine(measured)].join('\n')
}

/** Whether somebody sees a plot: not in a log, not with a screen reader, which reads plain output, and not in a window that is too narrow. */
export const seesPlot = (
  columns: number | undefined,
  env: Readonly<Record<string, string | undefined>>,
): columns is number => columns !== undefined && columns >= NARROWEST && !env.CI && !env.NO_COLOR && env.TERM !== 'dumb'

/**
 * The slowest answer of each moment, as bars over the time: the switch was ordered at the mark on the axis. A moment with a failure has a cross at the top.
 * Undefined without probes.
 *
 * @param columns of the terminal, at least 40
 */
export function latencyPlot({ probes, from, to }: Plotted, columns: number): string | undefined {
  if (probes.length === 0) return undefined
  const highest = Math.max(1, ...probes.map(({ took }) => took))
  const top = `${Math.ceil(highest)} ms `
  const margin = ' '.repeat(top.length)
  const width = Math.min(columns, WIDEST) - top.length - 1
  const first = Math.min(0, ...probes.map(({ at }) => at))
  const last = Math.max(1, ...probes.map(ended))
  const place = (time: number) => Math.min(width - 1, Math.floor(((time - first) / (last - first)) * width))
  const slowest = Array.from({ length: width }, () => 0)
  const failed = new Set<number>()
  for (const probe of probes) {
    const i = place(ended(probe))
    slowest[i] = Math.max(slowest[i] ?? 0, probe.took)
    if (probe.problem !== undefined) failed.add(i)
  }
  const rows = Array.from({ length: HEIGHT }, (_, row) => {
    const floor = HEIGHT - 1 - row
    const bars = slowest.map((took, i) => (row === 0 && failed.has(i) ? FAILED : bar(took / highest, floor)))
    return `${row === 0 ? top : margin}│${bars.join('')}`.trimEnd()
  })
  const at = place(0)
  const axis = `${margin}└${'─'.repeat(at)}┴${'─'.repeat(width - at - 1)}`
  return [...rows, axis, `${margin} ${underline({ from, to }, at, width)}`.trimEnd()].join('\n')
}

const ended = ({ at, took }: Probe): number => at + took

/** What a bar of this share of the height fills in a row; each answer shows at least something in the lowest. */
function bar(share: number, floor: number): string {
  const eighths = Math.round((share * HEIGHT - floor) * 8)
  const least = floor === 0 && share > 0 ? 1 : 0
  return EIGHTHS[Math.max(least, Math.min(8, eighths))] ?? ' '
}

/** The slots below the axis: the previous one on the left, the new one from the switch on. */
function underline({ from, to }: Pick<Plotted, 'from' | 'to'>, at: number, width: number): string {
  const left = from ?? ''
  const start = Math.max(at, left === '' ? 0 : left.length + 1)
  return `${left.padEnd(start)}${to}`.slice(0, width)
}
