/** Tells people in a chat how a deploy, a promote or a rollback ended. */
import type { Report } from '../../runner/events.ts'
import type { RunFacts } from '../facts.ts'

/** `undone`: it failed, and what it had changed was undone, such as the traffic. */
type Result = 'done' | 'failed' | 'undone'

/** What a notification is about. */
export interface Notification extends RunFacts {
  /** `deploy` and `restart` include the switch of the traffic if the command made it. */
  readonly event: 'deploy' | 'promote' | 'rollback' | 'restart'
  readonly result: Result
  /** Whether the traffic goes to `slot` now. */
  readonly live: boolean
  /** Milliseconds. */
  readonly ms: number
  /** Why it failed, without secrets. */
  readonly error?: Pick<Report, 'code' | 'message'> | undefined
}

/** A chat, or anything else that is told. Creating one contacts nothing. */
export interface Notifier {
  /** For messages: `slack`. */
  readonly name: string
  /** Redacted in all output, such as the URL of a webhook. */
  readonly secrets: readonly string[]
  /**
   * Sends the text.
   *
   * @param signal aborted after five seconds
   * @throws Error whose message says why, without secrets
   */
  send(notification: Notification, signal: AbortSignal): Promise<void>
}

export interface NotifierOptions {
  /**
   * The text of a message.
   *
   * @default one line: what happened, where, by whom, and why it failed
   * @example text: ({ app, version, result }) => `${app} ${version}: ${result}`
   */
  readonly text?: (notification: Notification) => string
}

/** The default text: `life 0.1.1 is live in green on production (web-1), by ann@desk, 12 s.` */
export function textOf({
  app,
  version,
  event,
  result,
  live,
  slot,
  host,
  destination,
  by,
  ms,
  error,
}: Notification): string {
  const what = version === undefined ? app : `${app} ${version}`
  const where = destination === undefined ? `on ${host}` : `on ${destination} (${host})`
  const at = slot === undefined ? where : `in ${slot} ${where}`
  const who = `by ${by}, ${Math.max(1, Math.round(ms / 1000))} s`
  if (result === 'done' && live) return `${what} is live ${at} (${event}), ${who}.`
  if (result === 'done') return `${what} was deployed ${at} and is not live yet, ${who}.`
  const back = result === 'undone' ? ', and what it had changed was undone' : ''
  const why = error ? `: ${error.message} [${error.code}]` : '.'
  return `The ${event} of ${what} ${where} failed${back}, ${who}${why}`
}

/** Milliseconds that a notification may take. */
const LIMIT = 5_000

/** Sends a notification to all at once. Resolves to warnings: a notification never makes a run fail. */
export async function notifyAll(
  notifiers: readonly Notifier[],
  notification: Notification,
): Promise<readonly string[]> {
  const results = await Promise.allSettled(
    notifiers.map(async notifier => notifier.send(notification, AbortSignal.timeout(LIMIT))),
  )
  return results.flatMap((result, i) =>
    result.status === 'rejected'
      ? [`warning: the notification by ${notifiers[i]?.name} was not sent: ${why(result.reason)}.`]
      : [],
  )
}

/** The cause of an error of `fetch` says more than the error. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  if (error.name === 'TimeoutError') return `it took longer than ${LIMIT / 1000} s`
  const { cause } = error
  const told = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : error.message
  return told.replace(/\.$/, '')
}
