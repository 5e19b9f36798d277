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
export function notificationOf(event: Event, facts: RunFacts, outcome: RunOutcome): Notification | undefined {
  if (outcome.ok && facts.moves === false) return undefined
  return { ...facts, event, ...endOf(facts, outcome) }
}

/** How a run ended, for notifications and for its report. */
export const endOf = ({ moves }: Pick<RunFacts, 'moves'>, { ok, undone, ms, error }: RunOutcome) =>
  ({
    result: ok ? 'done' : undone.length > 0 ? 'undone' : 'failed',
    live: ok && moves === true,
    ms,
    error,
  }) as const
