/** What a run tells when it has ended: notifications, and a report. */
import { resolve } from 'node:path'
import { messageOf } from '../runner/fault.ts'
import type { EndedStep, RunOutcome, RunSetting } from '../runner/task.ts'
import type { RunFacts } from '../slots/facts.ts'
import { type Notification, type Notifier, notifyAll } from '../slots/notify/notifier.ts'
import type { PromoteReport } from '../slots/promote/report/data.ts'
import type { Ending } from '../slots/report/run.ts'
import { writeRunReport } from '../slots/report/write.ts'
import { endOf, notificationOf } from './notification.ts'

interface Told {
  readonly facts: RunFacts
  /** Of each host, in the order in which they ended. */
  readonly switches: readonly PromoteReport[]
}

interface Setting extends Pick<RunSetting, 'command' | 'redact'> {
  readonly notify: readonly Notifier[]
  /** What notifications are sent about, if anything. */
  readonly event: Notification['event'] | undefined
  /** The file of the report, if one was asked for. */
  readonly report: unknown
  /** The names of the hosts, in the order of the report. */
  readonly hosts: readonly string[]
}

/** Resolves to the warnings: nothing is undone because nobody could be told. */
export async function runEnded(setting: Setting, told: Told, outcome: RunOutcome): Promise<readonly string[]> {
  const { notify, event, command } = setting
  const { facts, switches } = told
  const notification = event && notificationOf(event, facts, outcome)
  // Nobody is told about a repair, but its switch has a report as well. That of a history is written by its step.
  const unannounced = event === undefined && switches.length > 0
  const about = unannounced ? { ...facts, event: command, ...endOf(facts, outcome) } : notification
  const warnings = await Promise.all([
    notification ? notifyAll(notify, notification) : [],
    about ? reported(setting, about, switches, outcome.steps) : [],
  ])
  return warnings.flat()
}

/** Resolves to why the report could not be written. */
async function reported(
  { report, hosts, redact }: Setting,
  about: Ending,
  switches: readonly PromoteReport[],
  steps: readonly EndedStep[],
): Promise<readonly string[]> {
  if (typeof report !== 'string') return []
  const inOrder = switches.toSorted((a, b) => hosts.indexOf(a.host) - hosts.indexOf(b.host))
  const data = { ...about, at: new Date().toISOString(), steps, switches: inOrder }
  return writeRunReport(resolve(report), redact(data)).then(
    () => [],
    (error: unknown) => [messageOf(error)],
  )
}
