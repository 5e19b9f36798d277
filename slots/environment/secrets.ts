/**
 * Which texts of an environment must not be printed: its values and what they are made of, but no everyday words. An application may
 * print a part of a value alone, such as the password of a URL; and `STRIPE_MODE=live` is no reason to hide the word `live`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CODE } from '../../runner/package.ts'
import type { Environment } from './environment.ts'

export interface Shown {
  /** Names of variables whose values are no secrets. */
  readonly plain?: readonly string[]
  /** What stands in our output anyway: names of the application, its slots, its machine, its site. */
  readonly known?: Iterable<string>
}

/** The texts to hide; each variable that `plain` names is left out. */
export function secretsOf(values: Environment, { plain = [], known = [] }: Shown = {}): string[] {
  const words = new Set([...known].map(word => word.toLowerCase()))
  const secret = (text: string) => !words.has(text.toLowerCase()) && !isEveryday(text)
  const all = Object.entries(values).flatMap(([name, value]) =>
    plain.includes(name) ? [] : [value, ...partsOf(value)],
  )
  return [...new Set(all.map(text => text.trim()).filter(text => text !== '' && secret(text)))]
}

/** How many parts a part may be made of. */
const DEEPEST = 4

/** What a value is made of that could be printed without the rest. Its lines the redactor finds by itself. */
export function partsOf(value: string, depth = 0): string[] {
  if (depth >= DEEPEST) return []
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

/** The password of each URL, or its user where there is no password; and what the query says that is secret. */
function inUrls(value: string): string[] {
  const users = [...value.matchAll(/[a-z][a-z\d+.-]*:\/\/([^\s:/?#@]*)(?::([^\s/?#]*))?@/gi)]
  const queries = [...value.matchAll(/[?&]([\w.-]+)=([^&#\s]+)/g)]
  return [
    ...users.map(([, user = '', password]) => password || user),
    ...queries.flatMap(([, name = '', said = '']) => (SECRET_NAME.test(name) || said.length >= 20 ? [said] : [])),
  ]
}

const SECRET_NAME = /pass|pwd|secret|token|key|sig|auth|cred/i

/** `user:password`, and the `password=...` of a connection that is no URL. */
function inPairs(value: string): string[] {
  const pair = /^[^\s:/@]+:([^\s/]+)$/.exec(value)?.[1]
  const named = [...value.matchAll(/(?:^|[\s;,])([\w ]+?)\s*=\s*("[^"]*"|'[^']*'|[^;\s]+)/g)]
  return [
    ...(pair === undefined ? [] : [pair]),
    ...named.flatMap(([, name = '', said = '']) =>
      SECRET_NAME.test(name) ? [said.replace(/^(["'])(.*)\1$/, '$2')] : [],
    ),
  ]
}

/** The texts and the numbers in JSON, at any depth; its keys are no secrets. */
function inJson(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return []
  const leaves = (one: unknown): string[] => {
    if (typeof one === 'string' || typeof one === 'number') return [String(one)]
    return typeof one === 'object' && one !== null ? Object.values(one).flatMap(leaves) : []
  }
  try {
    return leaves(JSON.parse(value))
  } catch {
    return []
  }
}

/** Members of a list such as `key1,key2`; short ones and plain words are hardly secrets. */
function inList(value: string): string[] {
  if (/^\s*[[{]|:\/\//.test(value)) return []
  const members = value.split(/[,;]/).map(part => part.trim())
  return members.length < 2 ? [] : members.filter(part => part.length >= 8 && !/^[\p{L} ]+$/u.test(part))
}

/** As a URL writes it is not how the application prints it. */
function decoded(value: string): string[] | undefined {
  if (!/%[\da-f]{2}/i.test(value)) return undefined
  try {
    return [decodeURIComponent(value)]
  } catch {
    return undefined
  }
}

/** What stands in base64, where that is text. */
function unpacked(value: string): string[] | undefined {
  if (!/^[\w+/-]{24,}={0,2}$/.test(value)) return undefined
  const text = Buffer.from(value, 'base64').toString('utf8')
  return /^[\t\n\r\x20-\x7e\xa0-\uffef]+$/.test(text) ? [text] : undefined
}

/** What configuration says everywhere. */
const SETTINGS = new Set(
  `true false yes no on off none null nil enabled disabled live test testing prod production staging stage development dev demo
  debug info notice warn warning error critical alert fatal trace verbose quiet silent default auto always never local localhost
  public private internal external admin root user guest main master primary replica web api app http https tcp udp tls ssl smtp
  postgres postgresql mysql sqlite redis`.split(/\s+/),
)
const NUMBER = /^\d{1,5}(?:\.\d{1,5}){0,3}\s*(?:ms|[smhd]|[kmg]i?b?|%)?$/i
const WORDS = /^[a-z]+(?:[-_. ][a-z]+){0,3}$/i
const LONGEST = 30

/**
 * Whether a text is one that nobody could miss: a short number, a common setting, or a word that this program itself says, alone or within another. To hide
 * one would spoil our sentences and hide nothing.
 */
export function isEveryday(text: string): boolean {
  if (NUMBER.test(text) || SETTINGS.has(text.toLowerCase())) return true
  if (text.length > LONGEST || !WORDS.test(text)) return false
  return ownText().includes(text.toLowerCase())
}

let own: string | undefined

/** All that we could say: the text of this program, read when a value is a mere word. */
function ownText(): string {
  own ??= CODE.flatMap(textsIn).join('\n').toLowerCase()
  return own
}

const textsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.[jt]s$/.test(name))
    .map(name => readFileSync(join(folder, name), 'utf8'))
