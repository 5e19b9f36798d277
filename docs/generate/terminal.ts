/** A picture of a terminal, from output on docs/commands.md, which a test compares with what the program prints. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HOME } from '../../dev/paths.ts'

const LINE = 21
const COLUMN = 8.43
const MARGIN = 20
const BAR = 36

/** The command and the output below it on docs/commands.md. */
function blockOf(command: string): readonly string[] {
  const page = readFileSync(join(HOME, 'docs/commands.md'), 'utf8')
  const [, after] = page.split(`    $ ${command}\n`)
  if (after === undefined) throw new Error(`docs/commands.md does not show \`${command}\``)
  return [`$ ${command}`, ...after.slice(0, after.indexOf('\n\n')).replace(/^ {4}/gm, '').split('\n')]
}

const escaped = (text: string) => text.replace(/[&<>"]/g, found => `&#${found.charCodeAt(0)};`)

/** The class of a line, by how it begins. */
const kindOf = (line: string): string => {
  if (line.startsWith('$ ')) return 'typed'
  if (line.startsWith('> ')) return 'soft'
  return line.startsWith('ok: ') ? 'done' : 'said'
}

const textOf = (line: string, i: number): string =>
  `<text class="${kindOf(line)}" x="${MARGIN}" y="${BAR + MARGIN + i * LINE}">${escaped(line)}</text>`

/** Legible on a light and on a dark page, without a font of its own. */
export function terminalPicture(command: string): string {
  const lines = blockOf(command)
  const width = Math.ceil(Math.max(...lines.map(({ length }) => length)) * COLUMN) + 2 * MARGIN
  const height = BAR + lines.length * LINE + MARGIN
  const dots = [0, 1, 2].map(i => `<circle class="dot" cx="${MARGIN + i * 18}" cy="${BAR / 2}" r="5"/>`).join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(command)}</title>
<style>
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:#d7dce5}
.frame{fill:#161b22;stroke:#30363d}.dot{fill:#3d444d}.typed{fill:#fff;font-weight:600}.soft{fill:#8b949e}.done{fill:#7ee0a1}
</style>
<rect class="frame" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10"/>
${dots}
${lines.map(textOf).join('\n')}
</svg>
`
}
