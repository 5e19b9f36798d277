/** The scopes of a run: each is opened once, on first use, and closed at the end. */

import { withTimeout } from '../promises.ts'
import type { OpenScope, RunOutcome, RunSetting, Scope, Traffic } from '../task.ts'
import { sumOf } from '../traffic.ts'

export interface Scopes {
  open(scope: Scope): Promise<OpenScope>
  /** The error to report for a step that failed. */
  causeOf(error: unknown): unknown
  /** Tells all open scopes how the run ended. Resolves to their warnings. */
  ended(outcome: RunOutcome): Promise<readonly string[]>
  /** The total of all scopes so far. */
  traffic(): Traffic | undefined
  /** Closes the scopes, newest first, each in at most `grace` ms. Resolves to the errors. */
  close(grace: number): Promise<readonly unknown[]>
}

export function scopesOf(setting: RunSetting): Scopes {
  const opened = new Map<Scope, Promise<OpenScope>>()
  const sessions: OpenScope[] = []
  const open = async (scope: Scope) => {
    const session = await scope.open(setting)
    sessions.push(session)
    return session
  }
  return {
    open(scope) {
      const known = opened.get(scope) ?? open(scope)
      opened.set(scope, known)
      return known
    },
    async ended(outcome) {
      const told = [...opened.values()].map(async opening => (await opening.catch(() => undefined))?.ended?.(outcome))
      return (await Promise.all(told)).flatMap(warnings => warnings ?? [])
    },
    causeOf: error => sessions.reduce((cause, session) => (session.causeOf ? session.causeOf(cause) : cause), error),
    traffic: () => sumOf(sessions.map(session => session.traffic?.())),
    async close(grace) {
      const errors: unknown[] = []
      for (const [scope, opening] of [...opened].reverse()) {
        try {
          if (!(await withTimeout(grace, closed(opening))))
            errors.push(new Error(`${scope.name} did not close within ${grace / 1000} s`))
        } catch (error) {
          errors.push(error)
        }
      }
      return errors
    },
  }
}

/** An error of opening is ignored here: the step that needed the scope has reported it. */
async function closed(opening: Promise<OpenScope>): Promise<true> {
  const opened = await opening.catch(() => undefined)
  await opened?.[Symbol.asyncDispose]()
  return true
}
