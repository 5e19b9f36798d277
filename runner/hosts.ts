/** The hosts of this run, of those that a project has: chosen on the command line with `--host`, `--without` or `--role`. */
import { nearest } from './cli/suggest.ts'
import { runnerFaults } from './faults.ts'
import type { Scope } from './task.ts'

type ChoiceFlag = 'host' | 'without' | 'role'

/** The values of the flags that choose hosts: names that are separated by commas. */
export type ChoiceFlags = Readonly<Partial<Record<ChoiceFlag, string | undefined>>>

interface Choice {
  readonly flag: ChoiceFlag
  readonly names: readonly string[]
}

let chosen: readonly Choice[] = []

/**
 * Chooses the hosts of the run. Both `role` and `without` may be given, for the hosts of a role but one.
 *
 * @throws HOSTS_CHOSEN_TWICE
 */
export function chooseHosts(flags: ChoiceFlags): void {
  const given = (Object.entries(flags) as [ChoiceFlag, string | undefined][]).flatMap(([flag, text]) =>
    text === undefined ? [] : [{ flag, text }],
  )
  const other = given.find(({ flag }) => flag !== 'host')
  if (flags.host !== undefined && other)
    throw runnerFaults.HOSTS_CHOSEN_TWICE({ host: flags.host, flag: `--${other.flag}`, names: other.text })
  chosen = given.map(({ flag, text }) => ({ flag, names: text.split(',').filter(Boolean) }))
}

/**
 * How many hosts work at once, from `--limit` and `--serial`; undefined for all.
 *
 * @throws ARGUMENT_INVALID, LIMIT_TWICE
 */
export function limitOf({ limit, serial }: { readonly limit: string | undefined; readonly serial: boolean }) {
  if (limit === undefined) return serial ? 1 : undefined
  const reason = 'it must be a whole number, at least 1'
  if (!/^[1-9]\d{0,5}$/.test(limit))
    throw runnerFaults.ARGUMENT_INVALID({
      argument: '--limit',
      value: limit,
      reason,
      near: undefined,
      command: undefined,
    })
  if (serial && limit !== '1') throw runnerFaults.LIMIT_TWICE({ limit })
  return Number(limit)
}

/** The names of the hosts of all scopes that have several. */
export const hostNames = (scopes: Iterable<Scope>): readonly string[] => [
  ...new Set([...scopes].flatMap(({ hosts = [] }) => (hosts.length > 1 ? hosts : []))),
]

/** The names of the roles of all scopes. */
export const roleNames = (scopes: Iterable<Scope>): readonly string[] => [
  ...new Set([...scopes].flatMap(({ roles = {} }) => Object.keys(roles))),
]

type Choosable = Pick<Scope, 'hosts' | 'roles'>

/**
 * The names of a project's hosts that this run is for, in the order of the Taskfile; all of them unless some were chosen. A name may be given without its
 * user: `web-1` for `deploy@web-1`.
 *
 * @throws HOST_UNKNOWN, ROLE_UNKNOWN, HOSTS_NONE_LEFT
 */
export function hostsOfRun(scope: Choosable): readonly string[] {
  return chosen.reduce<readonly string[]>((left, { flag, names }) => {
    const named = names.flatMap(name => (flag === 'role' ? ofRole(scope, name) : [hostNamed(scope, flag, name)]))
    const rest = left.filter(host => named.includes(host) !== (flag === 'without'))
    if (rest.length === 0) throw runnerFaults.HOSTS_NONE_LEFT({ flag: `--${flag}` })
    return rest
  }, scope.hosts ?? [])
}

/** The hosts that `--without` leaves out of this run; none with another choice, which is of a moment. */
export const leftOut = (scope: Choosable): readonly string[] =>
  chosen.flatMap(({ flag, names }) => (flag === 'without' ? names.map(name => hostNamed(scope, flag, name)) : []))

/**
 * The host that is called `name`, with or without its user.
 *
 * @throws HOST_UNKNOWN
 */
export function hostNamed({ hosts = [] }: Choosable, flag: string, name: string): string {
  const found = hosts.find(host => host === name || host.replace(/^.*@/, '') === name)
  if (found === undefined)
    throw runnerFaults.HOST_UNKNOWN({ flag: `--${flag}`, name, names: hosts, near: nearest(name, hosts) })
  return found
}

function ofRole({ roles = {} }: Choosable, name: string): readonly string[] {
  const names = Object.keys(roles)
  const found = Object.hasOwn(roles, name) ? roles[name] : undefined
  if (!found) throw runnerFaults.ROLE_UNKNOWN({ name, names, near: nearest(name, names) })
  return found
}

/** Checks the choice before anything is contacted. @throws as `hostsOfRun` */
export function assertHosts(scopes: Iterable<Scope>): void {
  if (chosen.length === 0) return
  const all = [...scopes]
  const roles: Record<string, readonly string[]> = {}
  for (const scope of all)
    for (const [role, hosts] of Object.entries(scope.roles ?? {})) roles[role] = [...(roles[role] ?? []), ...hosts]
  hostsOfRun({ hosts: [...new Set(all.flatMap(({ hosts = [] }) => hosts))], roles })
}
