/** The lines around a place in a file, with a mark below it. `line` and `column` count from 1. */
export function codeFrame(source: string, line: number, column: number, length = 1): string {
  const lines = source.split(/\r?\n/)
  const first = Math.max(1, line - 2)
  const last = Math.min(lines.length, line + 2)
  const width = String(last).length
  const frame: string[] = []
  for (let number = first; number <= last; number++) {
    const text = lines[number - 1] ?? ''
    frame.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd())
    if (number !== line) continue
    const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ')
    const marks = '^'.repeat(Math.max(1, Math.min(length, text.length - column + 1)))
    frame.push(`  ${' '.repeat(width)} | ${indent}${marks}`)
  }
  return frame.join('\n')
}
