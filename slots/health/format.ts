/** Messages about a failed health check: what the application answered, and which setting may help. */

import { LOOPBACK, slotAt } from '../address.ts'
import type { Slot } from '../contracts.ts'
import type { Health, HealthResult } from '../model.ts'

export interface FailedCheck {
  readonly slot: Slot
  readonly health: Health
  readonly result: HealthResult
  /** The end of the application's log. */
  readonly log: string
}

export function healthMessage({ slot, health, result }: FailedCheck): string {
  const { outcome, tries, failed, status } = result
  const counts = `${tries} tries, ${failed} failed`
  if (outcome === 'gone') return `The application in ${slot.name} exited during its health check (${counts}).`
  return `${health.path} of ${slot.name} was not healthy in time: ${counts}, last status ${status || `none (${curlError(result.curl)})`}.`
}

/** If the response suggests a missing setting, that comes first. */
export function healthHint({ slot, health, result, log }: FailedCheck): string {
  const setting = result.outcome === 'gone' ? undefined : settingHint(result, health, slot)
  const rest = log
    ? 'The end of its log is above. Fix the problem, then deploy again.'
    : 'Check the application, then deploy again.'
  return setting ? `${setting} ${rest}` : rest
}

function settingHint(
  { status, redirect, sockets }: HealthResult,
  { path, host, headers }: Health,
  slot: Slot,
): string | undefined {
  const { port, address = LOOPBACK } = slot
  const requested = `The request was for the host ${host || slotAt(slot)}`
  if (status >= 300 && status < 400) {
    if (/^https:/.test(redirect) && !/https/i.test(headers['X-Forwarded-Proto'] ?? ''))
      return "The application requires https. If the router terminates TLS, set its option `url: 'https://...'`; otherwise set `health: { headers: { 'X-Forwarded-Proto': 'https' } }`."
    return "Set `health: { path: '...' }` to a page that answers 200 without a redirect."
  }
  if (status === 401 || status === 407)
    return 'The application requires authentication. Set `health: { headers: { Authorization: ... } }`, or set `health: { path }` to a public page.'
  if (status === 400 || status === 403 || status === 421)
    return `${requested}: if the application accepts only certain hosts, set \`health: { host: '...' }\`.`
  if (status === 404 || status === 405) return `Set \`health: { path }\` if ${path} is not its health check.`
  if (status === 0 && sockets.length === 0)
    return `Nothing listens on port ${port}: the application has to listen on ${address}${slot.address === undefined ? '' : ' (LISTEN_ADDRESS)'}, on the port given in PORT.`
  if (status === 0) return `The application listens on port ${port}, but has to speak plain HTTP on ${address} there.`
  return undefined
}

/** The last response and the end of the log. */
export function healthDetail({ result, log }: FailedCheck): string | undefined {
  const answer = result.status ? describeAnswer(result.status, result.body, result.redirect) : undefined
  return [answer, log].filter(Boolean).join('\n') || undefined
}

/** @example `it answered 301 to https://life.example/health: Moved Permanently` */
export function describeAnswer(status: number, body: string, redirect = ''): string {
  const text = excerpt(body)
  return `it answered ${status}${redirect && ` to ${redirect}`}${text && `: ${text}`}`
}

const MAX_LENGTH = 200

/** The first non-empty line of a body, or the visible text of an HTML page, without control characters, which could affect the terminal. */
export function excerpt(body: string): string {
  const start = body.slice(0, 20_000)
  const text = /<(?:!doctype|html|body|h1)\b/i.test(start)
    ? start.replace(/<(style|script)\b[\s\S]*?(?:<\/\1>|$)|<!--[\s\S]*?(?:-->|$)|<[^>]*>?/gi, ' ').replace(/\s+/g, ' ')
    : start
  const first = text.split(/\r?\n/).map(printable).find(Boolean) ?? ''
  return first.length > MAX_LENGTH ? `${first.slice(0, MAX_LENGTH)}...` : first
}

const printable = (line: string): string => line.replace(/\p{C}/gu, ' ').trim()

const CURL_ERRORS: Readonly<Record<number, string>> = {
  1: 'no HTTP',
  7: 'connection refused',
  28: 'no answer within the timeout of one try',
  52: 'an empty answer',
  56: 'connection reset',
}
export const curlError = (code: number): string => CURL_ERRORS[code] ?? `curl ${code}`
