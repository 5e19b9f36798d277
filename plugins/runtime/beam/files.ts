/** The unit, environment and distribution port of an Elixir release in a slot. Pure. */
import { listenVariables } from '../../../slots/address.ts'
import type { HostFacts, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { runtimeFaults } from '../faults.ts'
import { unitText } from '../unit.ts'

interface UnitOptions {
  readonly app: string
  readonly layout: Layout
  /** Name of the release's program. */
  readonly release: string
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopLimit: number
}

/** The template unit of all slots. */
export const unitFile = ({ release, ...unit }: UnitOptions, facts: HostFacts): string => {
  const start = `${unit.layout.slot('%i').current}/bin/${release} start`
  return unitText({ ...unit, start, killMode: 'mixed' }, facts)
}

/** The environment of a slot; the release's own script reads it, see `mix help release`. */
export const environment = (
  app: string,
  layout: Layout,
  slot: Slot,
  distributionPort: number,
): Readonly<Record<string, string>> => ({
  ...listenVariables(slot),
  // Without a UTF-8 locale the VM treats each byte of the environment as one character.
  LANG: 'C.UTF-8',
  // Without it a Phoenix release boots but does not listen; Phoenix's `bin/server` sets it too.
  PHX_SERVER: 'true',
  SWITCHYARD_SLOT: slot.name,
  RELEASE_DISTRIBUTION: 'name',
  RELEASE_NODE: `${app}_${slot.name}@127.0.0.1`,
  RELEASE_TMP: layout.slot(slot.name).tmp,
  // By default the crash dump is written to the release's folder, which is read-only.
  ERL_CRASH_DUMP: `${layout.slot(slot.name).tmp}/erl_crash.dump`,
  ERL_ZFLAGS: distributionFlags(distributionPort),
})

/**
 * Flags of the Erlang VM, see erl(1) and kernel(6). Each slot has its own port, so no shared epmd is needed. The release's script passes the cookie as
 * an argument, which every user of the host can read; a second, empty `-setcookie` makes Erlang ignore both and read ~/.erlang.cookie.
 */
export const distributionFlags = (port: number): string =>
  `-start_epmd false -erl_epmd_port ${port} -kernel inet_dist_use_interface {127,0,0,1} -setcookie`

/** @throws `DISTRIBUTION_PORT_INVALID` for a port that is out of range or that the project already uses */
export function distributionPorts(
  slots: readonly Slot[],
  choose = (slot: Slot) => slot.port + 10_000,
): (slot: Slot) => number {
  const taken = new Map(slots.map(slot => [slot.port, `the application in ${slot.name} uses it`]))
  for (const slot of slots) {
    const port = choose(slot)
    const why =
      Number.isInteger(port) && port >= 1024 && port <= 65_535
        ? taken.get(port)
        : 'it is not a whole number from 1024 to 65535'
    if (why) throw runtimeFaults.DISTRIBUTION_PORT_INVALID({ slot: slot.name, port, why })
    taken.set(port, `${slot.name} uses it`)
  }
  return choose
}

/** `my_app` is the module `MyApp`. */
export const moduleName = (app: string): string =>
  app
    .split('_')
    .map(part => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
