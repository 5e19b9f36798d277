/** Tables for people, that fit the terminal which they are for. What stands in them may be other people's words: each cell is one line, and is measured as it is printed. */
import { oneLine } from './plain-text.ts'

export interface Fit {
  /** Of the terminal; undefined where there is none: then a row is a line, however long. */
  readonly columns?: number | undefined
  /** The names of the columns. Without them the last one holds sentences, which may go on below. */
  readonly head?: readonly string[]
}

const GAP = '  '
/** A column of sentences narrower than this is no pleasure to read. */
const LEAST = 24

/** Columns as wide as their widest cell, or, where that is too wide, each row as a few lines of its own. */
export function table(
  rows: readonly (readonly string[])[],
  { columns = Number.POSITIVE_INFINITY, head }: Fit = {},
): string {
  const cleaned = rows.map(row => row.map(oneLine))
  const all = head ? [head, ...cleaned] : cleaned
  const widths = (all[0] ?? []).map((_, i) => Math.max(...all.map(row => row[i]?.length ?? 0)))
  const aligned = all.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
  if (aligned.every(line => line.length <= columns)) return aligned.join('\n')
  if (head) return cleaned.map(row => record(head, row, columns)).join('\n\n')
  const left = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0)
  return cleaned
    .map(row => {
      const cells = row.slice(0, -1)
      if (columns - left < LEAST)
        return [...wrapped(cells.join(GAP), columns), ...wrapped(row.at(-1) ?? '', columns, GAP)].join('\n')
      const begin = cells.map((cell, i) => cell.padEnd(widths[i] ?? 0) + GAP).join('')
      const [first = '', ...more] = wrapped(row.at(-1) ?? '', columns - left)
      return [begin + first, ...more.map(line => ' '.repeat(left) + line)].join('\n').trimEnd()
    })
    .join('\n')
}

/** A row whose cells stand below each other, each behind the name of its column. */
function record(head: readonly string[], row: readonly string[], columns: number): string {
  const width = Math.max(...head.map(name => name.length))
  const indent = ' '.repeat(width) + GAP
  return head
    .map(
      (name, i) =>
        name.padEnd(width) +
        GAP +
        wrapped(row[i] ?? '', columns, indent)
          .join('\n')
          .slice(indent.length),
    )
    .map(lines => lines.trimEnd())
    .join('\n')
}

/** The text in lines of at most so many columns, each behind `indent`. A word that is longer than a line is cut. */
export function wrapped(text: string, columns: number | undefined, indent = ''): string[] {
  const clean = oneLine(text)
  if (columns === undefined) return [indent + clean]
  const room = Math.max(1, columns - indent.length)
  const lines: string[] = ['']
  for (const word of clean.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length <= room) lines[lines.length - 1] = `${line} ${word}`
    else if (line === '' && lines.length === 1) lines[0] = word
    else lines.push(word)
    for (let last = lines.at(-1) ?? ''; last.length > room; last = lines.at(-1) ?? '')
      lines.splice(-1, 1, last.slice(0, room), last.slice(room))
  }
  return lines.map(line => indent + line)
}
