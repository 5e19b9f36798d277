/** Tables that fit the terminal. Cells may contain foreign text: each is made safe and one line before it is measured. */
import { oneLine } from './plain-text.ts'

export interface Fit {
  /** Columns of the terminal; without one each row is one line, however long. */
  readonly columns?: number | undefined
  /** The names of the columns. Without them the last column contains sentences, which may be wrapped. */
  readonly head?: readonly string[]
  /** Changes how a cell looks, not how wide it is. */
  readonly style?: (cell: string, row: number, column: number) => string
}

const GAP = '  '
/** Minimum width of a column of sentences. */
const MIN_WIDTH = 24

/** Each column is as wide as its widest cell; if that does not fit, each row becomes several lines. */
export function table(
  rows: readonly (readonly string[])[],
  { columns = Number.POSITIVE_INFINITY, head, style = cell => cell }: Fit = {},
): string {
  const cleaned = rows.map(row => row.map(oneLine))
  const all = head ? [head, ...cleaned] : cleaned
  const widths = (all[0] ?? []).map((_, i) => Math.max(...all.map(row => row[i]?.length ?? 0)))
  const aligned = (styled: typeof style) =>
    all.map((row, y) =>
      row
        .map((cell, x) => styled(cell, head ? y - 1 : y, x) + ' '.repeat((widths[x] ?? 0) - cell.length))
        .join(GAP)
        .trimEnd(),
    )
  if (aligned(cell => cell).every(line => line.length <= columns)) return aligned(style).join('\n')
  if (head) return cleaned.map((row, y) => record(head, row, columns, (cell, x) => style(cell, y, x))).join('\n\n')
  const left = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0)
  return cleaned
    .map(row => {
      const cells = row.slice(0, -1)
      if (columns - left < MIN_WIDTH)
        return [...wrapped(cells.join(GAP), columns), ...wrapped(row.at(-1) ?? '', columns, GAP)].join('\n')
      const indent = cells.map((cell, i) => cell.padEnd(widths[i] ?? 0) + GAP).join('')
      const [first = '', ...more] = wrapped(row.at(-1) ?? '', columns - left)
      return [indent + first, ...more.map(line => ' '.repeat(left) + line)].join('\n').trimEnd()
    })
    .join('\n')
}

/** A row as several lines: one for each cell, after the name of its column. */
function record(
  head: readonly string[],
  row: readonly string[],
  columns: number,
  style: (cell: string, column: number) => string,
): string {
  const width = Math.max(...head.map(name => name.length))
  const indent = ' '.repeat(width) + GAP
  return head
    .map(
      (name, i) =>
        name.padEnd(width) +
        GAP +
        wrapped(row[i] ?? '', columns, indent)
          .map(line => style(line.slice(indent.length), i))
          .join(`\n${indent}`),
    )
    .map(lines => lines.trimEnd())
    .join('\n')
}

/** Wraps the text at `columns`, with `indent` before each line. Splits a word that is longer than a line. */
export function wrapped(text: string, columns: number | undefined, indent = ''): string[] {
  const clean = oneLine(text)
  if (columns === undefined) return [indent + clean]
  const width = Math.max(1, columns - indent.length)
  const lines: string[] = ['']
  for (const word of clean.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else if (line === '' && lines.length === 1) lines[0] = word
    else lines.push(word)
    for (let last = lines.at(-1) ?? ''; last.length > width; last = lines.at(-1) ?? '')
      lines.splice(-1, 1, last.slice(0, width), last.slice(width))
  }
  return lines.map(line => indent + line)
}
