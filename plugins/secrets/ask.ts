/** Runs the program of a password manager or a cloud, and turns its failures into errors without secrets. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { nameSuggestsSecret } from '../../slots/environment/secrets.ts'
import type { Reading } from '../../slots/environment/source.ts'
import { secretsFaults as faults } from './faults.ts'

/** A vendor's program, and the words by which its failures are told apart. */
export interface Tool {
  readonly program: string
  /** Where to get it. */
  readonly install: string
  /** What to do without access: a sentence. */
  readonly login: string
  /** Matches what it says if nobody is logged in, a session has expired, or a key is missing. */
  readonly locked: RegExp
  /** Matches what it says if there is no such item. */
  readonly absent: RegExp
}

export interface Question {
  readonly tool: Tool
  /** What is read, for messages. */
  readonly title: string
  /** No secrets: any user of this machine can read the arguments of a process. */
  readonly args: readonly string[]
}

/** Milliseconds: enough for a person to touch a key or to approve a request. */
const LIMIT = 120_000
const SAID_LINES = 5

/**
 * Resolves to what the program prints. It gets the environment of this process, and no input.
 *
 * @throws SECRETS_TOOL_MISSING, SECRETS_NO_ACCESS, SECRETS_NOT_FOUND, SECRETS_FAILED; the abort reason after Ctrl-C
 */
export async function ask({ tool, title, args }: Question, { folder, signal, env }: Reading): Promise<string> {
  const { program, install, login, locked, absent } = tool
  const source = { program, title }
  signal.throwIfAborted()
  const limit = AbortSignal.timeout(LIMIT)
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, limit]),
  })
  const failed = new Promise<NodeJS.ErrnoException>(resolve => child.once('error', resolve))
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  const output = Promise.all([text(child.stdout), text(child.stderr), closed])
  const ended = await Promise.race([output, failed])
  if (!Array.isArray(ended)) {
    signal.throwIfAborted()
    if (limit.aborted) throw faults.SECRETS_FAILED({ ...source, why: `did not answer in ${LIMIT / 1000} s`, said: '' })
    if (ended.code === 'ENOENT') throw faults.SECRETS_TOOL_MISSING({ ...source, install })
    throw faults.SECRETS_FAILED({ ...source, why: `could not be started (${ended.code ?? ended.message})`, said: '' })
  }
  const [stdout, stderr, code] = ended
  if (code === 0) return stdout
  const said = quotable(stderr, env)
  if (locked.test(stderr)) throw faults.SECRETS_NO_ACCESS({ ...source, login, said })
  if (absent.test(stderr)) throw faults.SECRETS_NOT_FOUND({ ...source, said })
  throw faults.SECRETS_FAILED({ ...source, why: code === null ? 'was ended by a signal' : `exited with ${code}`, said })
}

/**
 * The end of what a program wrote to standard error, without what may be secret: the credentials in our own environment, passwords in URLs, and long texts
 * of letters and digits, such as a token. Never its standard output, which has the secrets.
 */
export function quotable(stderr: string, env: Reading['env']): string {
  const credentials = Object.entries(env).flatMap(([name, value = '']) =>
    value.length >= 4 && (nameSuggestsSecret(name) || /session/i.test(name)) ? [value] : [],
  )
  const lines = stripVTControlCharacters(stderr)
    .replace(/[^\n\P{Cc}]/gu, '')
    .split('\n')
    .map(line => line.trimEnd())
    .filter(line => line !== '')
  return credentials
    .reduce((told, value) => told.replaceAll(value, HIDDEN), lines.slice(-SAID_LINES).join('\n'))
    .replace(/(:\/\/[^\s:/@]*:)[^\s@]+@/g, `$1${HIDDEN}@`)
    .replace(/[\w+/=-]{20,}/g, word => (/\d/.test(word) && /[A-Za-z]/.test(word) ? HIDDEN : word))
}

const HIDDEN = '[hidden]'
