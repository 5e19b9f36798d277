/** The unit and the environment of an Elixir release in a slot. Pure. */
import { listenVariables } from '../../../slots/address.ts'
import type { HostFacts, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { unitText } from '../unit.ts'
import { type BeamNode, distributionFlags } from './nodes.ts'

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
export const environment = (layout: Layout, slot: Slot, node: BeamNode): Readonly<Record<string, string>> => ({
  ...listenVariables(slot),
  // Without a UTF-8 locale the VM treats each byte of the environment as one character.
  LANG: 'C.UTF-8',
  // Without it a Phoenix release boots but does not listen; Phoenix's `bin/server` sets it too.
  PHX_SERVER: 'true',
  SWITCHYARD_SLOT: slot.name,
  RELEASE_DISTRIBUTION: 'name',
  RELEASE_NODE: node.name,
  RELEASE_TMP: layout.slot(slot.name).tmp,
  // By default the crash dump is written to the release's folder, which is read-only.
  ERL_CRASH_DUMP: `${layout.slot(slot.name).tmp}/erl_crash.dump`,
  ERL_ZFLAGS: distributionFlags(node),
})

/** `my_app` is the module `MyApp`. */
export const moduleName = (app: string): string =>
  app
    .split('_')
    .map(part => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
