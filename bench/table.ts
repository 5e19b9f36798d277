/** Renders rows as a Markdown table. Pure. */
import { type Measured, type Missing, met, type Row, spread, type Unit } from './figures.ts'

const HEAD = ['work', 'who', 'minimum', 'median', 'maximum', 'goal', 'met']

export function table(rows: readonly Row[]): string {
  const lines = rows.flatMap(row => row.figures.map((figure, i) => cells(row, figure, i === 0)))
  return [HEAD, ['---', '---', '---:', '---:', '---:', '---', '---'], ...lines]
    .map(line => `| ${line.join(' | ')} |`)
    .join('\n')
}

function cells(row: Row, figure: Measured | Missing, first: boolean): string[] {
  const work = first ? row.work : ''
  if ('why' in figure) return [work, figure.who, figure.why, '', '', '', '']
  const { min, median, max } = spread(figure.samples)
  const values = [min, median, max].map(value => number(value, figure.unit))
  const { goal } = row
  const hasGoal = goal?.of === figure
  const limit = hasGoal ? `${goal.least ? '>=' : '<='} ${number(goal.limit, figure.unit)}` : ''
  return [work, figure.who, ...values, limit, hasGoal ? (met(row) ? 'yes' : '**no**') : '']
}

const DIGITS: Readonly<Record<Unit, number>> = { ms: 0, KB: 0, MB: 1, 'MB/s': 1, 'round trips': 1, x: 2 }

const number = (value: number, unit: Unit): string => {
  const digits = DIGITS[unit]
  const text = value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return unit === 'round trips' ? text : `${text} ${unit}`
}
