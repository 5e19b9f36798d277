/**
 * The environment of an application: read from the project's file with dotenv, and written for a slot so that systemd's `EnvironmentFile=` and a
 * shell's `.` read the same bytes (tested with systemd 252, dash and bash).
 */
import { readFile } from 'node:fs/promises'
import type * as dotenv from 'dotenv'
import { environmentFaults as faults } from './environment-faults.ts'

export type Environment = Readonly<Record<string, string>>

interface Problem {
  readonly why: string
  readonly hint: string
}

/**
 * Reads a project's environment file.
 * @throws `ENV_FILE_UNREADABLE` or `ENV_LINE_INVALID`.
 */
export async function readEnvironment(file: string): Promise<Environment> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    const why = { ENOENT: 'it does not exist', EACCES: 'permission denied', EISDIR: 'it is a folder' }
    const reason = why[error.code as keyof typeof why] ?? `${error.code ?? 'unknown error'}`
    throw faults.ENV_FILE_UNREADABLE({ file, why: reason, missing: error.code === 'ENOENT' }, error)
  })
  // Loaded lazily, because most commands do not read an environment file.
  const { parse } = await import('dotenv')
  return parseEnvironment(bytes.toString('utf8'), file, parse)
}

/**
 * Parses a text as dotenv does, but strictly: dotenv silently ignores lines that it does not understand, and truncates some values.
 * @throws `ENV_LINE_INVALID` with `file` and the number of such a line.
 */
export function parseEnvironment(text: string, file: string, parse: typeof dotenv.parse): Environment {
  const seen = new Map<string, { value: string; line: number }>()
  for (const { name, line, source } of entries(text, file)) {
    const refuse = (problem: Problem): never => {
      throw faults.ENV_LINE_INVALID({ file, line, ...problem })
    }
    const before = seen.get(name)
    if (before) {
      refuse({
        why: `${name} is already defined on line ${before.line}`,
        hint: 'Keep one of the two lines.',
      })
    }
    const value = parse(source)[name] as unknown
    const problem = typeof value === 'string' ? (nameProblem(name) ?? valueProblem(name, value)) : NAME
    if (problem) refuse(problem)
    seen.set(name, { value: value as string, line })
  }
  return Object.fromEntries([...seen].map(([name, { value }]) => [name, value]))
}

/**
 * The text of a slot's `env` file.
 * @throws `ENV_VALUE_INVALID` for a value that systemd or a shell would not read back byte for byte.
 */
export function environmentFile(values: Environment): string {
  return Object.entries(values)
    .map(([name, value]) => {
      const problem = (/^[A-Za-z_]\w*$/.test(name) ? undefined : NAME) ?? nameProblem(name) ?? valueProblem(name, value)
      if (problem) throw faults.ENV_VALUE_INVALID({ name: JSON.stringify(name).slice(1, -1), ...problem })
      return `${name}="${value.replace(/["\\`$]/g, '\\$&')}"\n`
    })
    .join('')
}

const NAME: Problem = {
  why: 'this is not a valid variable name',
  hint: 'Use letters, digits and underscores, and no digit at the beginning.',
}
const SYNTAX = 'Write NAME=value without spaces around the =. Quote a value that begins or ends with a space.'
const OTHER_QUOTES = 'Use another kind of quotes: \'...\', "..." or `...`.'

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=(.*)$/
/** Characters that end a line for some parsers and not for others. */
const ODD_SPACE = /[\v\f\x85\xa0\u2028\u2029\ufeff]/

interface Entry {
  readonly name: string
  /** Its first line, counted from 1. */
  readonly line: number
  /** `NAME=value` as in the file; a quoted value may span several lines. */
  readonly source: string
}

/** Splits a text into entries that dotenv parses unambiguously. */
function* entries(text: string, file: string): Generator<Entry> {
  const lines = text
    .replace(/^\ufeff/, '')
    .replace(/\r\n?/g, '\n')
    .split('\n')
  const broken = lines.findIndex(line => /[\0\ufffd]/.test(line))
  if (broken >= 0) {
    const why = 'it contains a NUL byte, or bytes that are not UTF-8'
    throw faults.ENV_LINE_INVALID({ file, line: broken + 1, why, hint: 'Save the file as plain UTF-8 text.' })
  }
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    const begin = at
    const refuse = (why: string, hint: string): never => {
      throw faults.ENV_LINE_INVALID({ file, line: begin + 1, why, hint })
    }
    const [, name, raw = ''] = ASSIGNMENT.exec(line) ?? []
    const quote = /^['"`]/.exec(raw)?.[0]
    if (!quote && ODD_SPACE.test(line))
      refuse('it contains an invisible character', 'Type the line again by hand, or quote the value.')
    if (/^[ \t]*(?:#|$)/.test(line)) continue
    if (name === undefined) return refuse('it is not of the form NAME=value', SYNTAX)
    if (!quote) {
      if (/^[ \t]+[^ \t#]/.test(raw)) refuse('a space follows the =', SYNTAX)
      if (/(?:^|[^ \t])#/.test(raw))
        refuse('a # directly after the value would start a comment', 'Put the value in quotes.')
      yield { name, line: begin + 1, source: `${name}=${raw}` }
      continue
    }
    let value = raw.slice(1)
    while (!value.includes(quote) && at + 1 < lines.length) value += `\n${lines[++at]}`
    const end = value.indexOf(quote)
    if (end < 0) refuse(`the quote ${quote} is never closed`, 'Close it, or remove it.')
    const inside = value.slice(0, end)
    if (inside.endsWith('\\')) refuse('a backslash before a quote would stay in the value', OTHER_QUOTES)
    if (!/^[ \t]*(?:#.*)?$/.test(value.slice(end + 1))) refuse(`text follows the closing quote ${quote}`, OTHER_QUOTES)
    if (quote === '"' && /\\\\[nr]/.test(inside)) refuse('dotenv misreads \\\\n in double quotes', OTHER_QUOTES)
    yield { name, line: begin + 1, source: `${name}=${quote}${inside}${quote}` }
  }
}

/** Variables that bash or dash reserve: an assignment fails or is overwritten. */
const SHELL_NAMES = new Set(
  `_ BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_LINENO BASH_SOURCE BASH_SUBSHELL
  BASH_VERSINFO COMP_WORDBREAKS DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD LINENO OPTIND PPID RANDOM
  PIPESTATUS SECONDS SHELLOPTS SHLVL SRANDOM UID`.split(/\s+/),
)

const nameProblem = (name: string): Problem | undefined =>
  SHELL_NAMES.has(name) ? { why: `the shell reserves ${name}`, hint: 'Give the variable another name.' } : undefined

/** The longest string that Linux passes to a program, including its NUL (MAX_ARG_STRLEN). */
const MAX_BYTES = 131_072

function valueProblem(name: string, value: string): Problem | undefined {
  const hint = 'Encode the value, for example with base64.'
  if (value.includes('\0')) return { why: 'it contains a NUL byte', hint }
  // systemd rejects the whole file because of one of these: U+FDD0 to U+FDEF, and the last two code points of each plane.
  if (/[\p{Surrogate}\p{Noncharacter_Code_Point}]/u.test(value)) {
    return { why: 'it contains a code point that is not a Unicode character', hint }
  }
  if (Buffer.byteLength(`${name}=${value}\0`) > MAX_BYTES) {
    return { why: 'it is longer than the 128 KiB that Linux passes to a program', hint: 'Put it in a file of its own.' }
  }
  return undefined
}
