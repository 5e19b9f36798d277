/** The login: offers one key after the other. If none is accepted, the fault gives the reason for each. */
import type { AuthHandlerMiddleware, Client } from 'ssh2'
import type { Fault } from '../../runner/fault.ts'
import { hostFaults } from '../faults.ts'
import type { SshConfig } from './config.ts'
import type { Credentials } from './credentials.ts'
import { onRejection } from './ssh2-internals.ts'

export interface Login {
  readonly handler: AuthHandlerMiddleware
  /** Call it when the client has started to connect. */
  listen(client: Client): void
  /** The fault for an error of ssh2; undefined if it is not about authentication. */
  explain(error: Error & { level?: string }): Fault | undefined
}

/** @param onResponse called on each response of the server */
export function login(client: Client, config: SshConfig, who: Credentials, onResponse: () => void): Login {
  const { target, user, hostname } = config
  const attempts = [...who.attempts]
  /** The keys offered to the server, each with the reason of its failure if that is not a plain rejection. */
  const tried: { label: string; reason?: string }[] = []
  let accepted: string | undefined
  let wanted: readonly string[] = []
  let question: string | undefined
  let asked = false

  const handler: AuthHandlerMiddleware = (_left, _partial, next) => {
    onResponse()
    const done = () => next(false as never)
    // The server accepted a key and requires more. Starts keyboard-interactive once, only to get its prompt for the message.
    if (accepted !== undefined && wanted.includes('keyboard-interactive') && !asked) {
      asked = true
      const prompt = (_name: string, _instructions: string, _lang: string, prompts: readonly { prompt: string }[]) => {
        question = prompts.map(({ prompt }) => prompt.trim()).join(' ')
        done()
      }
      return next({ type: 'keyboard-interactive', username: user, prompt } as never)
    }
    if (accepted !== undefined && !wanted.includes('publickey')) return done()
    const attempt = attempts.shift()
    if (attempt === undefined) return done()
    const entry: { label: string; reason?: string } = { label: attempt.label }
    tried.push(entry)
    const failed = (reason: string) => {
      entry.reason = reason
    }
    next(attempt.method(client, failed) as never)
  }

  const list = () => [
    ...tried.map(({ label, reason }) => (reason === undefined ? label : `${label} (${reason})`)),
    ...who.unusable,
  ]
  return {
    handler,
    listen: () =>
      onRejection(client, (methods, partial) => {
        if (!partial) return
        accepted = tried.at(-1)?.label
        wanted = methods
      }),
    explain(error) {
      const login = { target, who: `${user}@${hostname}`, user, tried: list() }
      const tooMany = /too many authentication failures/i.test(error.message)
      if (error.level !== 'client-authentication' && !tooMany) return undefined
      if (tooMany) return hostFaults.SSH_TOO_MANY_KEYS({ ...login, count: tried.length }, error)
      if (accepted !== undefined) return hostFaults.SSH_SECOND_FACTOR({ ...login, accepted, wanted, question }, error)
      return hostFaults.SSH_AUTHENTICATION_FAILED({ ...login, advice: who.advice }, error)
    },
  }
}
