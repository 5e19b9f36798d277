/** What runs on a host already, and whether a setup would cut its way there: the site names the ports of the slots. */

import type { Host } from '../../host/host.ts'
import { capture, caught, each, succeeds } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader } from '../../host/sudo.ts'
import type { HostFile, Provision, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { onPort } from '../lifecycle/sockets.ts'
import { liveByRecords, type SlotRecord } from '../state/slot-record.ts'

/** A slot as it stands on the host, whether the Taskfile knows it or not. */
export interface StandingSlot {
  readonly name: string
  /** The port in its environment: its process listens there, also after a restart of the unit. */
  readonly port: number | undefined
  readonly record: SlotRecord | undefined
}

/** Prints a line a slot: name, port or a dash, record. */
const standingSlots = (layout: Layout): Script => sh.read`
cd ${layout.slots} 2>/dev/null || exit 0
for name in *; do
  port= record=
  if [ -f "$name/env" ]; then port=$(sed -n 's/^PORT="\\{0,1\\}\\([0-9]*\\)"\\{0,1\\}$/\\1/p' "$name/env" | tail -n 1); fi
  if [ -f "$name/slot.json" ]; then record=$(tr -d '\\n' < "$name/slot.json"); fi
  printf '%s %s %s\\n' "$name" "\${port:--}" "$record"
done`

export const parseSlots = (text: string): readonly StandingSlot[] =>
  text
    .split('\n')
    .filter(line => /^[a-z]\w* /.test(line))
    .map(line => {
      const [, name = '', port, record = ''] = /^(\S+) (\S+) (.*)$/.exec(line) ?? []
      return { name, port: Number(port) || undefined, record: recordIn(record) }
    })

function recordIn(text: string): SlotRecord | undefined {
  try {
    return JSON.parse(text) as SlotRecord
  } catch {
    return undefined
  }
}

/** Whether anybody listens on a port. */
const listens = (port: number): Script => sh.read`[ -n "$(ss -Hltn ${onPort(port)})" ]`

interface Wishes {
  readonly provisions: readonly Provision[]
  /** Those that would change. */
  readonly files: readonly HostFile[]
  /** Whether we can become root. */
  readonly root: boolean
}

type RunningDeps = Pick<Deps, 'host' | 'layout' | 'slots' | 'router' | 'runtime'>

/**
 * Throws `SETUP_FORGETS_LIVE`, `SETUP_MOVES_LIVE` or `SETUP_STRANDS_LIVE` when the live slot would not be found, or not start again, under what
 * setup writes. Resolves to what there is to say of slots that run and are not live: for them it is in force from their next start.
 */
export async function assertKeepsLive(
  deps: RunningDeps,
  { provisions, files, root }: Wishes,
): Promise<readonly string[]> {
  const { host, layout, slots, router, runtime } = deps
  const [standing, { value: route }, processes] = await host.all([
    capture(asReader(root, standingSlots(layout)), parseSlots),
    // Where the router cannot say, the records do.
    caught(router.live()),
    each(slots.all.map(slot => runtime.process(slot))),
  ])
  const live = route?.slot ?? liveByRecords(standing.map(({ record }) => record))
  if (live === undefined && standing.length === 0) return []
  if (live !== undefined && !slots.all.some(({ name }) => name === live))
    throw slotFaults.SETUP_FORGETS_LIVE({ host: host.name, slot: live, names: slots.names })
  const notes: string[] = []
  for (const [i, slot] of slots.all.entries()) {
    const found = standing.find(({ name }) => name === slot.name)
    const runs = processes[i]?.state === 'running' || Boolean(found?.record?.adopted)
    if (!runs && slot.name !== live) continue
    const moved =
      found?.port === undefined ? runs && !(await host.query(succeeds(listens(slot.port)))) : found.port !== slot.port
    const from = found?.port
    if (moved && slot.name === live) {
      const idle = slots.other(slot)
      throw slotFaults.SETUP_MOVES_LIVE({ host: host.name, slot: slot.name, from, to: slot.port, idle: idle.name })
    }
    if (moved)
      notes.push(
        `${slot.name} runs on port ${from ?? 'another'} until its next deploy, and then on ${slot.port}: until then there is no rollback to it.`,
      )
    notes.push(...(await stranded(host, slot, slot.name === live, { provisions, files, root })))
  }
  return notes
}

/** What a changed unit means for a slot that runs. */
async function stranded(host: Host, slot: Slot, live: boolean, { provisions, files, root }: Wishes): Promise<string[]> {
  const notes: string[] = []
  for (const { files: own, restarts } of provisions) {
    const changed = own.filter(({ path }) => files.some(file => file.path === path))
    const restart = restarts?.[slot.name]
    if (!restart || changed.length === 0) continue
    const { code, stdout } = await host.run(asReader(root, restart))
    if (code !== 0 && live)
      throw slotFaults.SETUP_STRANDS_LIVE({ host: host.name, slot: slot.name, why: stdout.trim() })
    notes.push(
      code === 0
        ? `${slot.name} runs on: what changes in ${changed.map(({ path }) => path).join(', ')} is wholly in force from its next start.`
        : `${slot.name} runs on, and would not start again before its next deploy: ${stdout.trim()}.`,
    )
  }
  return notes
}
