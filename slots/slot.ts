/** The slots of a project: looked up by name, and the other one of two. */
import { anyText, fields, number, optional, record } from '../runner/taskfile/shape.ts'
import type { Slot } from './contracts.ts'
import { slotFaults } from './faults.ts'
import { port, validateName } from './names.ts'

/** A slot as a Taskfile writes it. */
export interface SlotSpec {
  /** The TCP port, on loopback, on which the application answers. */
  readonly port: number
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
  /** `undefined` stays `undefined`; a name that is no slot is a `SLOT_UNKNOWN`. */
  get<N extends string | undefined>(name: N): N extends string ? Slot<S> : Slot<S> | undefined
  /** The slot that is not this one. While none is live it is the first: the first deploy goes there. */
  other(live: Slot<S> | undefined): Slot<S>
}

export function slotsOf<S extends string>(specs: Readonly<Record<S, SlotSpec>>): Slots<S> {
  const all = (Object.entries(specs) as [S, SlotSpec][]).map(
    ([name, spec]): Slot<S> => ({
      name: validateName('slot', name) as S,
      port: port(name, spec.port),
      env: spec.env ?? {},
    }),
  )
  const names = all.map(slot => slot.name)
  const [first, second] = all
  if (!first || !second || all.length > 2) throw slotFaults.SLOTS_NOT_TWO({ names })
  if (first.port === second.port) throw slotFaults.SLOTS_SHARE_PORT({ names, port: first.port })
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
