/**
 * Finds the texts of an environment that must be redacted: values and their parts, since an application may print a part alone, such as the
 * password of a URL. Common words are left out: `STRIPE_MODE=live` must not redact the word `live`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CODE } from '../../runner/package.ts'
import type { Environment } from './environment.ts'

export interface Shown {
  /** Names of variables whose values are not secret. */
  readonly plain?: readonly string[]
  /** Texts that our output contains anyway: names of the application, its slots, its host, its site. */
  readonly known?: Iterable<string>
}

/** The texts to redact, without the values of the variables in `plain`. */
export function secretsOf(values: Environment, { plain = [], known = [] }: Shown = {}): string[] {
  const visible = new Set([...known].map(text => text.toLowerCase()))
  const secret = (text: string) => !visible.has(text.toLowerCase()) && !isEveryday(text)
  const all = Object.entries(values).flatMap(([name, value]) =>
    plain.includes(name) ? [] : [value, ...partsOf(value)],
  )
  return [...new Set(all.map(text => text.trim()).filter(text => text !== '' && secret(text)))]
}

/** Maximum nesting of parts. */
const MAX_DEPTH = 4

/** The parts of a value that could be printed on their own. Lines of a value are left to the redactor. */
export function partsOf(value: string, depth = 0): string[] {
  if (depth >= MAX_DEPTH) return []
  const parts = [
    ...inUrls(value),
    ...inPairs(value),
    ...inJson(value),
    ...inList(value),
    ...(decoded(value) ?? []),
    ...(unpacked(value) ?? []),
  ].filter(part => part !== '' && part !== value)
  return [...new Set(parts)].flatMap(part => [part, ...partsOf(part, depth + 1)])
}

/** The password of each URL, or its user if it has none, and secret query parameters. */
function inUrls(value: string): string[] {
  const users = [...value.matchAll(/[a-z][a-z\d+.-]*:\/\/([^\s:/?#@]*)(?::([^\s/?#]*))?@/gi)]
  const queries = [...value.matchAll(/[?&]([\w.-]+)=([^&#\s]+)/g)]
  return [
    ...users.map(([, user = '', password]) => password || user),
    ...queries.flatMap(([, name = '', text = '']) => (SECRET_NAME.test(name) || text.length >= 20 ? [text] : [])),
  ]
}

/** Names such as DB_PASSWORD, of variables and of parameters. */
export const nameSuggestsSecret = (name: string): boolean => SECRET_NAME.test(name)

const SECRET_NAME = /pass|pwd|secret|token|key|sig|auth|cred/i

/** The password of `user:password`, and of `password=...` in a connection string. */
function inPairs(value: string): string[] {
  const pair = /^[^\s:/@]+:([^\s/]+)$/.exec(value)?.[1]
  const named = [...value.matchAll(/(?:^|[\s;,])([\w ]+?)\s*=\s*("[^"]*"|'[^']*'|[^;\s]+)/g)]
  return [
    ...(pair === undefined ? [] : [pair]),
    ...named.flatMap(([, name = '', text = '']) =>
      SECRET_NAME.test(name) ? [text.replace(/^(["'])(.*)\1$/, '$2')] : [],
    ),
  ]
}

/** Strings and numbers in JSON at any depth. Keys are not secret. */
function inJson(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return []
  const leaves = (node: unknown): string[] => {
    if (typeof node === 'string' || typeof node === 'number') return [String(node)]
    return typeof node === 'object' && node !== null ? Object.values(node).flatMap(leaves) : []
  }
  try {
    return leaves(JSON.parse(value))
  } catch {
    return []
  }
}

/** Members of a list such as `key1,key2`, except short ones and plain words, which are unlikely to be secret. */
function inList(value: string): string[] {
  if (/^\s*[[{]|:\/\//.test(value)) return []
  const members = value.split(/[,;]/).map(part => part.trim())
  return members.length < 2 ? [] : members.filter(part => part.length >= 8 && !/^[\p{L} ]+$/u.test(part))
}

/** The value after percent-decoding, which is how an application prints it. */
function decoded(value: string): string[] | undefined {
  if (!/%[\da-f]{2}/i.test(value)) return undefined
  try {
    return [decodeURIComponent(value)]
  } catch {
    return undefined
  }
}

/** The decoded base64, if that is text. */
function unpacked(value: string): string[] | undefined {
  if (!/^[\w+/-]{24,}={0,2}$/.test(value)) return undefined
  const text = Buffer.from(value, 'base64').toString('utf8')
  return /^[\t\n\r\x20-\x7e\xa0-\uffef]+$/.test(text) ? [text] : undefined
}

/** Common configuration values. */
const SETTINGS = new Set(
  `true false yes no on off none null nil enabled disabled live test testing prod production staging stage development dev demo
  debug info notice warn warning error critical alert fatal trace verbose quiet silent default auto always never local localhost
  public private internal external admin root user guest main master primary replica web api app http https tcp udp tls ssl smtp
  postgres postgresql mysql sqlite redis`.split(/\s+/),
)
const NUMBER = /^\d{1,5}(?:\.\d{1,5}){0,3}\s*(?:ms|[smhd]|[kmg]i?b?|%)?$/i
const WORDS = /^[a-z]+(?:[-_. ][a-z]+){0,3}$/i
const MAX_LENGTH = 30

/**
 * Whether a text is too common to redact: a short number, a common setting, or text that occurs in this program. Redacting it would garble our
 * messages and protect nothing.
 */
export function isEveryday(text: string): boolean {
  if (NUMBER.test(text) || SETTINGS.has(text.toLowerCase())) return true
  if (text.length > MAX_LENGTH || !WORDS.test(text)) return false
  return ownText().includes(text.toLowerCase())
}

let cached: string | undefined

/** The source text of this program, which contains all its messages. Read only when a value is a plain word. */
function ownText(): string {
  cached ??= CODE.flatMap(textsIn).join('\n').toLowerCase()
  return cached
}

const textsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.[jt]s$/.test(name))
    .map(name => readFileSync(join(folder, name), 'utf8'))
