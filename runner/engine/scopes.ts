/** The resources of a run: each scope is opened when it is first wanted, once, and closed at the end. */

import { withTimeout } from '../promises.ts'
import type { OpenScope, RunSetting, Scope, Traffic } from '../task.ts'
import { sumOf } from '../traffic.ts'

export interface Scopes {
  open(scope: Scope): Promise<OpenScope>
  /** Of all of them together so far. */
  traffic(): Traffic | undefined
  /** Closes them, the last one first, each in at most `grace` ms. Resolves to what went wrong. */
  close(grace: number): Promise<readonly unknown[]>
}

export function scopesOf(setting: RunSetting): Scopes {
  const opened = new Map<Scope, Promise<OpenScope>>()
  const meters: (() => Traffic | undefined)[] = []
  const open = async (scope: Scope) => {
    const made = await scope.open(setting)
    meters.push(() => made.traffic?.())
    return made
  }
  return {
    open(scope) {
      const known = opened.get(scope) ?? open(scope)
      opened.set(scope, known)
      return known
    },
    traffic: () => sumOf(meters.map(read => read())),
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

/** The step that needed the scope has reported why it could not be opened; there is nothing to close. */
async function closed(opening: Promise<OpenScope>): Promise<true> {
  const opened = await opening.catch(() => undefined)
  await opened?.[Symbol.asyncDispose]()
  return true
}
