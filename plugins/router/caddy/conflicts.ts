/** Finds what would prevent Caddy from serving our site: a missing import, or another site with the same name. */

import { posix } from 'node:path'
import { type Fault, portOf, siteNames } from '../shared.ts'
import { caddyFaults } from './faults.ts'
import { type Application, FOLDER, IMPORT, importCommand, sitePath } from './files.ts'

interface Read {
  readonly path: string
  readonly lines: readonly string[]
}

/** Two sites conflict only if their ports are equal too: an `http://` site with our name may redirect to ours. */
export function conflicts(
  host: string,
  printed: string,
  { app, site, url, include, config, preview }: Application,
): readonly Fault[] {
  if (include) return []
  const files = printed
    .split(/^@@ file /m)
    .slice(1)
    .map(part => {
      const [path = '', ...lines] = part.split('\n')
      return { path, lines: lines.filter(line => !line.startsWith('@@ closed ')) }
    })
  const closed = /^@@ closed /m.test(printed)
  const others = files.filter(({ path }) => path !== sitePath(app)).flatMap(sitesOf)
  const taken = siteNames(site, preview).flatMap(ours => {
    const other = others.find(({ host: name, port }) => name === ours.toLowerCase() && port === portOf(url))
    return other ? [caddyFaults.CADDY_NAME_TAKEN({ host, site: ours, at: other.at })] : []
  })
  // A file that cannot be read may contain the line. `apply` asks Caddy itself.
  const imported = closed || files.some(file => file.lines.some(line => importsUs(line, file)))
  return [
    ...(imported
      ? []
      : [caddyFaults.CADDY_NOT_IMPORTED({ host, config, line: IMPORT, command: importCommand(config) })]),
    ...taken,
  ]
}

function importsUs(line: string, { path }: Read): boolean {
  const [, pattern] = /^\s*import\s+(\S+)/.exec(line) ?? []
  if (pattern === undefined) return false
  const absolute = posix.resolve(posix.dirname(path), pattern)
  return [`${FOLDER}/*`, `${FOLDER}/*.caddy`].includes(absolute)
}

interface Found {
  readonly host: string
  readonly port: number
  /** `file:line`. */
  readonly at: string
}

/**
 * The sites of a Caddyfile: an opening brace ends its line, a closing brace has a line of its own, and the addresses of a site, separated by commas or
 * spaces, are in front of its brace. A file with one site may have its addresses in the first line and no braces.
 */
function sitesOf({ path, lines }: Read): readonly Found[] {
  let depth = 0
  let first = true
  const found: Found[] = []
  for (const [i, whole] of lines.entries()) {
    const words = whole
      .replace(/(^|\s)#.*/, '')
      .trim()
      .split(/[\s,]+/)
      .filter(word => word !== '')
    if (words.length === 0) continue
    const opens = words.at(-1) === '{'
    const continues = /,\s*$/.test(whole)
    if (depth === 0 && words[0] !== 'import' && (opens || continues || first))
      found.push(...words.flatMap(word => siteOf(word)).map(site => ({ ...site, at: `${path}:${i + 1}` })))
    first = false
    if (opens) depth++
    else if (words[0] === '}') depth--
  }
  return found
}

function siteOf(word: string): readonly Pick<Found, 'host' | 'port'>[] {
  const text = /^https?:\/\//.test(word) ? word : `${word.endsWith(':80') ? 'http' : 'https'}://${word}`
  if (/[{}()]/.test(word) || !URL.canParse(text)) return []
  const url = new URL(text)
  return [{ host: url.hostname, port: portOf(url) }]
}
