/** The hosts of this run, of those that a project has: chosen on the command line with `--host` or `--without`. */
import { nearest } from './cli/suggest.ts'
import { runnerFaults } from './faults.ts'
import type { Scope } from './task.ts'

interface Choice {
  readonly flag: '--host' | '--without'
  readonly names: readonly string[]
}

let chosen: Choice | undefined

/**
 * Chooses the hosts of the run, by names that are separated by commas.
 *
 * @throws HOSTS_CHOSEN_TWICE
 */
export function chooseHosts(host: string | undefined, without: string | undefined): void {
  if (host !== undefined && without !== undefined) throw runnerFaults.HOSTS_CHOSEN_TWICE({ host, without })
  const choice = (flag: Choice['flag'], text: string): Choice => ({ flag, names: text.split(',').filter(Boolean) })
  chosen = undefined
  if (host !== undefined) chosen = choice('--host', host)
  if (without !== undefined) chosen = choice('--without', without)
}

/** The names of the hosts of all scopes that have several. */
export const hostNames = (scopes: Iterable<Scope>): readonly string[] => [
  ...new Set([...scopes].flatMap(({ hosts = [] }) => (hosts.length > 1 ? hosts : []))),
]

/**
 * The names of a project's hosts that this run is for, in the order of the Taskfile; all of them unless some were chosen. A name may be given without its
 * user: `web-1` for `deploy@web-1`.
 *
 * @throws HOST_UNKNOWN, HOSTS_NONE_LEFT
 */
export function hostsOfRun(all: readonly string[]): readonly string[] {
  if (!chosen) return all
  const { flag, names } = chosen
  const named = names.map(name => {
    const found = all.find(host => host === name || host.replace(/^.*@/, '') === name)
    if (found === undefined) throw runnerFaults.HOST_UNKNOWN({ flag, name, names: all, near: nearest(name, all) })
    return found
  })
  const left = all.filter(host => named.includes(host) === (flag === '--host'))
  if (left.length === 0) throw runnerFaults.HOSTS_NONE_LEFT({ flag })
  return left
}

/** Checks the choice before anything is contacted. @throws as `hostsOfRun` */
export function assertHosts(scopes: Iterable<Scope>): void {
  if (chosen) hostsOfRun([...new Set([...scopes].flatMap(({ hosts = [] }) => hosts))])
}
