/**
 * The journal of systemd as the log of a slot. Its reader needs root or a group, and sudo allows it only with fixed arguments, so `--since`, `--lines` and
 * `--grep` of journalctl are not used: grep and sed filter its JSON on the host. See systemd.journal-fields(7). Pure.
 */
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { readAsRoot } from '../../host/sudo.ts'
import type { LogFilter, LogLine, LogPage, LogStream } from '../../slots/contracts.ts'
import { untilStdinEnds } from './scripts.ts'

/**
 * Entries that are read again when a log is followed, to find the one where its page ended. As many as journald by default lets one unit write in 30 s
 * (`RateLimitBurst`), and there is one round trip between the two.
 */
const OVERLAP = 10_000

const reader = (units: readonly string[], ...more: readonly string[]): readonly string[] => [
  '/usr/bin/journalctl',
  ...['--quiet', '--no-pager', '--all', '--output=json', '--output-fields=MESSAGE,_PID,_SYSTEMD_UNIT', ...more],
  ...units.map(unit => `--unit=${unit}`),
]

/** The command line that prints all entries of a slot's units, newest first. */
export const pageCommand = (units: readonly string[]): readonly string[] => reader(units, '--reverse')

/** The command line that prints the newest entries of a slot's units, and then each further one. */
export const followCommand = (units: readonly string[]): readonly string[] =>
  reader(units, '--follow', `--lines=${OVERLAP}`)

/** Accounts of these groups may read every journal. The others need sudo. */
const asReader = (command: readonly string[]): Script => sh.read`case " $(id -nG) " in
  *' systemd-journal '*|*' adm '*) ${command} ;;
  *) ${readAsRoot(command)} ;;
esac`

export const journalPage = (units: readonly string[], { lines, since, contains }: LogFilter): Script =>
  program(new URL('./journal-page.sh', import.meta.url), {
    parameters: {
      journal: asReader(pageCommand(units)),
      recent: since === undefined ? sh.read`cat` : sh.read`sed -nE ${`/${notBefore(since * 1000)}/!q; p`}`,
      matching: matching(contains, lines),
    },
  })

function matching(contains: string | undefined, lines: number | undefined): Script {
  if (contains === undefined) return lines === undefined ? sh.read`cat` : sh.read`head -n ${lines}`
  const limit = lines === undefined ? [] : ['-m', lines]
  return sh.read`LC_ALL=C grep -a ${limit} -E ${messageWith(contains)}`
}

/** @param end of the page that it follows */
export function journalFollow(units: readonly string[], { contains }: LogFilter, end: string): LogStream {
  const [time = '0', cursor = ''] = end.split(' ')
  const filters = [notBefore(Number(time)), ...(contains === undefined ? [] : [messageWith(contains)])]
  const piped = filters.map(filter => sh.read` | LC_ALL=C grep -a --line-buffered -E ${filter}`)
  const follow: Script = { writes: false, text: [asReader(followCommand(units)), ...piped].map(it => it.text).join('') }
  // Several entries may have the time at which the page ended.
  let after = cursor === ''
  return {
    script: untilStdinEnds(follow),
    parse(output) {
      const entry = entryIn(output)
      if (!after && entry?.__REALTIME_TIMESTAMP === time) {
        after = entry.__CURSOR === cursor
        return []
      }
      after = true
      return entry ? linesOf(entry) : []
    },
  }
}

/** The time of the host, then the entries, newest first. */
export function parsePage(text: string): LogPage {
  const [now = '', ...output] = text.trimEnd().split('\n')
  const entries = output.flatMap(line => entryIn(line) ?? [])
  const [newest] = entries
  return {
    lines: entries.reverse().flatMap(linesOf),
    end: newest ? `${newest.__REALTIME_TIMESTAMP} ${newest.__CURSOR}` : now,
  }
}

interface Entry {
  readonly MESSAGE?: unknown
  readonly _PID?: string
  readonly _SYSTEMD_UNIT?: string
  /** Microseconds since 1970. */
  readonly __REALTIME_TIMESTAMP?: string
  readonly __CURSOR?: string
}

function entryIn(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry
  } catch {
    // Cut off, as the last line before the reader ended.
    return undefined
  }
}

/** A message of several lines is several lines. Those of systemd itself say when the slot was started, stopped or killed. */
function linesOf(entry: Entry): LogLine[] {
  const { MESSAGE, _PID, __REALTIME_TIMESTAMP } = entry
  const time = Math.floor(Number(__REALTIME_TIMESTAMP) / 1000)
  const process = processOf(entry)
  const from = _PID === '1' ? 'systemd: ' : process === undefined ? '' : `${process}: `
  return textOf(MESSAGE)
    .replace(/\n$/, '')
    .split('\n')
    .map(line => ({ time, text: `${from}${line.replace(/\r$/, '')}` }))
}

/** The name of the process in its unit's name; undefined for the one that serves requests. No application has a dash in its name. */
export const processOf = ({ _SYSTEMD_UNIT: unit }: { readonly _SYSTEMD_UNIT?: unknown }): string | undefined =>
  typeof unit === 'string' ? /^[^@]*-([a-z][a-z0-9_]*)@/.exec(unit)?.[1] : undefined

/** In the journal's JSON a message is an array of bytes if it is not plain text, and an array of texts if an entry has several. */
export function textOf(message: unknown): string {
  if (typeof message === 'string') return message
  if (!Array.isArray(message)) return '...'
  return message.every(item => typeof item === 'number')
    ? Buffer.from(message).toString('utf8')
    : message.map(textOf).join('\n')
}

/** The microseconds since 1970 have 16 digits from 2001 to 2286. */
const DIGITS = 16

/** A regular expression (ERE) for the entries that are not older than a time in microseconds since 1970. */
export function notBefore(micros: number): string {
  const digits = String(Math.max(0, Math.floor(micros))).padStart(DIGITS, '0')
  const later = [...digits].flatMap((digit, i) => {
    if (digit === '9') return []
    const rest = DIGITS - 1 - i
    return `${digits.slice(0, i)}[${Number(digit) + 1}-9]${rest > 0 ? `[0-9]{${rest}}` : ''}`
  })
  return `"__REALTIME_TIMESTAMP" ?: ?"(${[digits, ...later].join('|')})"`
}

/** A regular expression (ERE) for the entries whose message contains a text, in either form of a message in JSON. */
export function messageWith(text: string): string {
  const asText = `"([^"\\\\]|\\\\.)*${[...text].map(inJson).join('')}`
  const asBytes = `\\[ ?([0-9]+, ?)*${[...Buffer.from(text)].join(', ?')} ?[],]`
  return `"MESSAGE" ?: ?(${asText}|${asBytes})`
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't' }

/** How a character stands in JSON, as a regular expression: versions of systemd differ in control characters. */
function inJson(char: string): string {
  if (char === '"') return '\\\\"'
  if (char === '\\') return '\\\\\\\\'
  if (char >= ' ') return char.replace(/[.[()*+?{^$|]/, '\\$&')
  const code = `u00${char.charCodeAt(0).toString(16).padStart(2, '0')}`.replace(
    /[a-f]$/,
    hex => `[${hex}${hex.toUpperCase()}]`,
  )
  const short = SHORT_ESCAPES[char]
  return short === undefined ? `\\\\${code}` : `\\\\(${short}|${code})`
}
