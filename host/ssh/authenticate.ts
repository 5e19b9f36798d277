/** The login: one key after the other is shown, and when none is enough, a fault says of each why. */
import type { AuthHandlerMiddleware, Client } from 'ssh2'
import type { Fault } from '../../runner/fault.ts'
import { hostFaults } from '../faults.ts'
import type { SshConfig } from './config.ts'
import type { Credentials } from './credentials.ts'
import { onRefusal } from './ssh2-inside.ts'

export interface Login {
  readonly handler: AuthHandlerMiddleware
  /** To be called when the client has begun to connect. */
  listen(client: Client): void
  /** The fault for an error of ssh2; undefined when that is not about who we are. */
  explain(error: Error & { level?: string }): Fault | undefined
}

/** `answered` hears each time that the server has spoken. */
export function login(client: Client, config: SshConfig, who: Credentials, answered: () => void): Login {
  const { target, user, hostname } = config
  const attempts = [...who.attempts]
  /** Each that was shown to the server, and what became of it where that is not a plain refusal. */
  const tried: { label: string; reason?: string }[] = []
  let accepted: string | undefined
  let wanted: readonly string[] = []
  let question: string | undefined
  let asked = false

  const handler: AuthHandlerMiddleware = (_left, _partial, next) => {
    answered()
    const done = () => next(false as never)
    // A key was right, and the server wants more: only what asks nobody for anything can go on by itself.
    if (accepted !== undefined && wanted.includes('keyboard-interactive') && !asked) {
      asked = true
      const prompt = (_name: string, _about: string, _lang: string, prompts: readonly { prompt: string }[]) => {
        question = prompts.map(({ prompt }) => prompt.trim()).join(' ')
        done()
      }
      return next({ type: 'keyboard-interactive', username: user, prompt } as never)
    }
    if (accepted !== undefined && !wanted.includes('publickey')) return done()
    const following = attempts.shift()
    if (following === undefined) return done()
    const entry: { label: string; reason?: string } = { label: following.label }
    tried.push(entry)
    const failed = (reason: string) => {
      entry.reason = reason
    }
    next(following.method(client, failed) as never)
  }

  const list = () => [
    ...tried.map(({ label, reason }) => (reason === undefined ? label : `${label} (${reason})`)),
    ...who.unusable,
  ]
  return {
    handler,
    listen: () =>
      onRefusal(client, (methods, partial) => {
        if (!partial) return
        accepted = tried.at(-1)?.label
        wanted = methods
      }),
    explain(error) {
      const about = { target, who: `${user}@${hostname}`, user, tried: list() }
      const tooMany = /too many authentication failures/i.test(error.message)
      if (error.level !== 'client-authentication' && !tooMany) return undefined
      if (tooMany) return hostFaults.SSH_TOO_MANY_KEYS({ ...about, count: tried.length }, error)
      if (accepted !== undefined) return hostFaults.SSH_SECOND_FACTOR({ ...about, accepted, wanted, question }, error)
      return hostFaults.SSH_AUTHENTICATION_FAILED({ ...about, advice: who.advice }, error)
    },
  }
}
