/** What a deploy would do, in sentences without a subject. */
import type { Slot } from '../contracts.ts'
import { pluralize } from '../format.ts'
import type { Health } from '../model.ts'
import type { SlotRecord } from '../state/slot-record.ts'
import { KEPT } from '../upload/release.ts'

interface Planned {
  /** The version that is built, or the name of the release that is on the host. */
  readonly what: string
  readonly built: boolean
  readonly idle: Slot
  readonly live: Pick<Slot, 'name'> | undefined
  /** Of the idle slot, before the deploy. */
  readonly record: Pick<SlotRecord, 'release'> | undefined
  /** How many variables the release gets. */
  readonly variables: number
  readonly health: Pick<Health, 'path' | 'passes' | 'within'>
  /** Whether the release serves requests. */
  readonly serves: boolean
  /** Whether the release is prepared before its first start. */
  readonly prepares: boolean
  readonly migrate: boolean
  readonly promote: boolean
  /** Whether the site is probed while the traffic moves. */
  readonly probes: boolean
}

export function deploySentences(planned: Planned): readonly string[] {
  const { what, built, idle, live, record, variables, health, serves, prepares, migrate, promote, probes } = planned
  const { path, passes, within } = health
  return [
    built ? `build ${what}, and upload the files that no release on the host has` : `use ${what}, which is on the host`,
    ...(prepares ? ['prepare the release, unless that was done'] : []),
    record
      ? `stop ${record.release.name} in ${idle.name}, after its connections`
      : `use ${idle.name}, which has no release yet`,
    `start ${what} in ${idle.name}, on port ${idle.port}, with ${pluralize(variables, 'variable')}`,
    serves
      ? `wait for ${passes} answers of ${path} in a row with status 200, at most ${within / 1000} s, or stop ${idle.name} again`
      : 'wait until its processes are fit to run',
    `remove old releases, except the newest ${KEPT} and those of the slots`,
    ...(migrate ? ['run the migrations of the release'] : []),
    promote
      ? promoteSentence(idle, live, probes)
      : `leave the traffic ${live ? `with ${live.name}` : 'alone: no slot is live'}`,
  ]
}

function promoteSentence(idle: Slot, live: Pick<Slot, 'name'> | undefined, probes: boolean): string {
  const moved = live ? `move the traffic from ${live.name} to ${idle.name}` : `send the traffic to ${idle.name}`
  return `${moved}${probes ? ' while requests are sent' : ''}, prove that, and take it back if that fails`
}
