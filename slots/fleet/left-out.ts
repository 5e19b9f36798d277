/**
 * The hosts that a run left out with `--without`, as the others remember them: a file on each host of that run, written with its switch. One that serves the
 * same as the others again has caught up, however it did, and counts no more.
 */
import { fileQuery } from '../../host/exec/transfer.ts'
import { capture, type Query } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { Gathered } from '../../runner/task.ts'
import { moment } from '../../runner/units.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Deploy } from '../model.ts'
import { alike, type Serving } from './serving.ts'

export interface LeftOut {
  readonly host: string
  /** ISO 8601, UTC. */
  readonly since: string
  readonly by: string
  /** The run that left it out first. */
  readonly deploy: string
}

/**
 * Those of `hosts` that a host remembers. One that was taken out of the Taskfile has nothing to catch up with.
 *
 * @throws RECORD_UNREADABLE
 */
export const readLeftOut = (
  { leftOut: path }: Pick<Layout, 'leftOut'>,
  hosts: readonly string[],
): Query<readonly LeftOut[]> =>
  capture(sh.read`if [ -e ${path} ]; then cat ${path}; fi`, text => {
    if (text === '') return []
    try {
      return (JSON.parse(text) as readonly LeftOut[]).filter(({ host }) => hosts.includes(host))
    } catch (cause) {
      throw slotFaults.RECORD_UNREADABLE({ path }, cause)
    }
  })

export const writeLeftOut = ({ leftOut: path }: Pick<Layout, 'leftOut'>, all: readonly LeftOut[]): Query<void> =>
  fileQuery(path, `${JSON.stringify(all, null, 2)}\n`)

/** Each host once, with the oldest entry. */
const united = (all: readonly LeftOut[]): readonly LeftOut[] =>
  all
    .toSorted((a, b) => a.since.localeCompare(b.since))
    .filter(({ host }, i, sorted) => sorted.findIndex(other => other.host === host) === i)

/**
 * What the hosts remember after a switch of them: those that it left out, and those of before that are not in it.
 *
 * @param known what each of them remembers
 * @param hosts those of the run
 * @param left those that it leaves out
 */
export function leftOutAfter(
  known: readonly LeftOut[],
  {
    hosts,
    left,
    deploy,
  }: { readonly hosts: readonly string[]; readonly left: readonly string[]; readonly deploy: Deploy },
): readonly LeftOut[] {
  const { id, by, began } = deploy
  const since = new Date(began).toISOString()
  return united([...known, ...left.map(host => ({ host, since, by, deploy: id }))]).filter(
    ({ host }) => !hosts.includes(host),
  )
}

/** Those that do not serve what the hosts serve that were not left out, or were not asked. */
export function behind(known: readonly LeftOut[], serving: readonly Gathered<Serving>[]): readonly LeftOut[] {
  const all = united(known)
  const [reference] = serving.filter(
    ({ host, value }) => value.slot !== undefined && !all.some(out => out.host === host),
  )
  return all.filter(({ host }) => {
    const own = serving.find(other => other.host === host)
    return !own || !reference || !alike([own.value, reference.value])
  })
}

/** A sentence for each. */
export const leftOutRemarks = (all: readonly LeftOut[]): readonly string[] =>
  all.map(
    ({ host, since, by }) =>
      `${host} was left out by ${by} at ${moment(since)} and has not caught up: npx task catch-up ${host.replace(/^.*@/, '')}`,
  )
