/** What there is to say of an application that does not answer its health path as it should: what it said, and what to set. Pure. */

import type { Slot } from '../contracts.ts'
import type { Health, HealthResult } from '../model.ts'

/** An application that was asked for its health, and what came of it. */
export interface Unwell {
  readonly slot: Slot
  readonly health: Health
  readonly result: HealthResult
  /** The end of its log. */
  readonly log: string
}

export function whatIsWrong({ slot, health, result }: Unwell): string {
  const { outcome, tries, failed, status } = result
  const counts = `${tries} tries, ${failed} failed`
  if (outcome === 'gone') return `The application in ${slot.name} ended while its health was asked for (${counts}).`
  return `${health.path} of ${slot.name} was not healthy in time: ${counts}, last status ${status || `none (${curlWords(result.curl)})`}.`
}

/** What a person does next. Where the answer shows what is missing, that comes first. */
export function whatToDo({ slot, health, result, log }: Unwell): string {
  const advice = result.outcome === 'gone' ? undefined : whatToSet(result, health, slot.port)
  const rest = log
    ? 'The end of its log is above; mend that, then deploy again.'
    : 'Look at the application, then deploy again.'
  return advice ? `${advice} ${rest}` : rest
}

function whatToSet(
  { status, redirect, sockets }: HealthResult,
  { path, host, headers }: Health,
  port: number,
): string | undefined {
  const asked = host ? `It was asked for the host ${host}` : `It was asked for the host 127.0.0.1:${port}`
  if (status >= 300 && status < 400) {
    if (/^https:/.test(redirect) && !/https/i.test(headers['X-Forwarded-Proto'] ?? ''))
      return "It wants https. Where the router ends TLS, say so in its options: `url: 'https://...'`; or set `health: { headers: { 'X-Forwarded-Proto': 'https' } }`."
    return "Set `health: { path: '...' }` to a page that answers 200 by itself."
  }
  if (status === 401 || status === 407)
    return 'It asks who we are. Set `health: { headers: { Authorization: ... } }`, or `health: { path }` to a page that is open.'
  if (status === 400 || status === 403 || status === 421)
    return `${asked}: if it takes only some names, set \`health: { host: '...' }\`.`
  if (status === 404 || status === 405)
    return `Set \`health: { path }\`, if ${path} is not the page that tells its health.`
  if (status === 0 && sockets.length === 0)
    return `Nothing listens on port ${port}: the application has to listen on 127.0.0.1, on the port that PORT names.`
  if (status === 0) return `Something of it listens on port ${port}: it has to speak plain HTTP on 127.0.0.1 there.`
  return undefined
}

/** What is shown below: the last answer, and the end of the log. */
export function whatItSaid({ result, log }: Unwell): string | undefined {
  const answer = result.status ? answerWords(result.status, result.body, result.redirect) : undefined
  return [answer, log].filter(Boolean).join('\n') || undefined
}

/** `it answered 301 to https://life.example/health: Moved Permanently`. */
export function answerWords(status: number, body: string, redirect = ''): string {
  const said = firstWords(body)
  return `it answered ${status}${redirect && ` to ${redirect}`}${said && `: ${said}`}`
}

/** How much of a line is shown. */
const LONG = 200

/** The first line of an answer that says something; of a page the words that a person would see. No character of it moves a terminal's cursor. */
export function firstWords(body: string): string {
  const start = body.slice(0, 20_000)
  const text = /<(?:!doctype|html|body|h1)\b/i.test(start)
    ? start.replace(/<(style|script)\b[\s\S]*?(?:<\/\1>|$)|<!--[\s\S]*?(?:-->|$)|<[^>]*>?/gi, ' ').replace(/\s+/g, ' ')
    : start
  const first = text.split(/\r?\n/).map(printable).find(Boolean) ?? ''
  return first.length > LONG ? `${first.slice(0, LONG)}...` : first
}

const printable = (line: string): string => line.replace(/\p{C}/gu, ' ').trim()

const CURL: Readonly<Record<number, string>> = {
  1: 'no HTTP',
  7: 'connection refused',
  28: 'no answer within the limit for one try',
  52: 'an empty answer',
  56: 'connection reset',
}
const curlWords = (code: number): string => CURL[code] ?? `curl ${code}`
