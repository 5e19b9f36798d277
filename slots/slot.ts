/** The two slots of a project. */
import { anyText, fields, number, optional, record } from '../runner/taskfile/shape.ts'
import type { Slot } from './contracts.ts'
import { slotFaults } from './faults.ts'
import { inField, port, slotName } from './names.ts'

/** A slot as defined in a Taskfile. */
export interface SlotSpec {
  /** The TCP port that the application listens on, from 1024 to 65535; on loopback, unless the router has a host of its own. */
  readonly port: number
  /** Environment variables of this slot only; they take precedence over the environment file. */
  readonly env?: Readonly<Record<string, string>>
}

export const slotRules = record(
  fields<SlotSpec>({
    port: number('a port, a whole number from 1024 to 65535', () => true),
    env: optional(record(anyText)),
  }),
)

export interface Slots<S extends string> {
  readonly all: readonly Slot<S>[]
  readonly names: readonly S[]
  /** Looks up a slot; `undefined` stays `undefined`. Throws `SLOT_UNKNOWN` if there is no slot of that name. */
  get<N extends string | undefined>(name: N): N extends string ? Slot<S> : Slot<S> | undefined
  /** The slot that is not live. If none is, the first slot: the first deploy goes there. */
  other(live: Slot<S> | undefined): Slot<S>
}

/** The same slots on a host of a pool: they listen on its address. */
export function slotsAt<S extends string>(slots: Slots<S>, address: string, pool: readonly string[]): Slots<S> {
  const at = (slot: Slot<S>): Slot<S> => ({ ...slot, address, pool })
  const all = slots.all.map(at)
  return {
    all,
    names: slots.names,
    get(name) {
      const found = slots.get(name) as Slot<S> | undefined
      return (found && at(found)) as never
    },
    other: live => at(slots.other(live)),
  }
}

/** @param address what the slots listen on, if not loopback */
export function slotsOf<S extends string>(specs: Readonly<Record<S, SlotSpec>>, address?: string): Slots<S> {
  const all = (Object.entries(specs) as [S, SlotSpec][]).map(
    ([name, spec]): Slot<S> => ({
      name: slotName(name) as S,
      port: port(name, spec.port),
      ...(address !== undefined && { address }),
      env: spec.env ?? {},
    }),
  )
  const names = all.map(slot => slot.name)
  const [first, second] = all
  if (!first || !second || all.length > 2) throw inField(['slots'], slotFaults.SLOTS_NOT_TWO({ names }))
  if (first.port === second.port)
    throw inField(['slots', second.name, 'port'], slotFaults.SLOTS_SHARE_PORT({ names, port: first.port }))
  return {
    all,
    names,
    get(name) {
      const found = all.find(slot => (slot.name as string) === name)
      if (name !== undefined && !found) throw slotFaults.SLOT_UNKNOWN({ name, names })
      return found as never
    },
    other: live => (live?.name === first.name ? second : first),
  }
}
