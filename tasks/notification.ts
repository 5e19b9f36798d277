/** Which runs notifications are sent about, and what they say. */
import type { AnyTask, RunOutcome } from '../runner/task.ts'
import type { RunFacts } from '../slots/facts.ts'
import type { Notification } from '../slots/notify/notifier.ts'

type Event = Notification['event']

/** Marks a step: a run with it is announced. */
export const announcing = <T extends AnyTask>(announces: Event, step: T): T => Object.assign(step, { announces })

/** The command that a run is, or that it contains. */
export const eventOf = (tasks: readonly AnyTask[]): Event | undefined =>
  tasks.map(task => ('announces' in task ? (task.announces as Event) : undefined)).find(event => event !== undefined)

/** `undefined` if there is nothing to tell: the slot was live already. */
export function notificationOf(
  event: Event,
  facts: RunFacts,
  { ok, undone, ms, error }: RunOutcome,
): Notification | undefined {
  if (ok && facts.moves === false) return undefined
  const result = ok ? 'done' : undone.length > 0 ? 'undone' : 'failed'
  return { ...facts, event, result, live: ok && facts.moves === true, ms, error }
}
