/** Checks that a setup does not break the live slot: the router's site names the slots and their ports. */

import type { Host } from '../../host/host.ts'
import { capture, caught, each, type Query, succeeds } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader } from '../../host/sudo.ts'
import type { HostFile, Provision, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { onPort } from '../lifecycle/sockets.ts'
import { liveByRecords, type SlotRecord } from '../state/slot-record.ts'

/** A slot that exists on the host, whether or not the Taskfile has it. */
export interface ExistingSlot {
  readonly name: string
  /** The port in its environment file, which its process listens on, also after a restart of the unit. */
  readonly port: number | undefined
  readonly record: SlotRecord | undefined
}

/** Prints one line per slot: name, port or `-`, record. */
const printSlots = (layout: Layout): Script => sh.read`
cd ${layout.slots} 2>/dev/null || exit 0
for name in *; do
  port= record=
  if [ -f "$name/env" ]; then port=$(sed -n 's/^PORT="\\{0,1\\}\\([0-9]*\\)"\\{0,1\\}$/\\1/p' "$name/env" | tail -n 1); fi
  if [ -f "$name/slot.json" ]; then record=$(tr -d '\\n' < "$name/slot.json"); fi
  printf '%s %s %s\\n' "$name" "\${port:--}" "$record"
done`

/** The slots that exist on the host. `root`: whether we can become root. */
export const existingSlots = (layout: Layout, root: boolean): Query<readonly ExistingSlot[]> =>
  capture(asReader(root, printSlots(layout)), parseSlots)

export const parseSlots = (text: string): readonly ExistingSlot[] =>
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

/** Succeeds if a process listens on the port. */
const listens = (port: number): Script => sh.read`[ -n "$(ss -Hltn ${onPort(port)})" ]`

interface Changes {
  readonly provisions: readonly Provision[]
  /** The files that would change. */
  readonly files: readonly HostFile[]
  /** Whether we can become root. */
  readonly root: boolean
}

type RunningDeps = Pick<Deps, 'host' | 'layout' | 'slots' | 'router' | 'runtime'>

/**
 * Resolves to notes about running slots, for which the changes take effect at their next start.
 * @throws `SETUP_FORGETS_LIVE`, `SETUP_MOVES_LIVE` or `SETUP_STRANDS_LIVE` if the live slot would lose its traffic, or could not start again.
 */
export async function assertKeepsLive(
  deps: RunningDeps,
  { provisions, files, root }: Changes,
): Promise<readonly string[]> {
  const { host, layout, slots, router, runtime } = deps
  const [existing, { value: route }, processes] = await host.all([
    existingSlots(layout, root),
    // If the router has no answer, the records decide.
    caught(router.live()),
    each(slots.all.map(slot => runtime.process(slot))),
  ])
  const live = route?.slot ?? liveByRecords(existing.map(({ record }) => record))
  if (live === undefined && existing.length === 0) return []
  if (live !== undefined && !slots.all.some(({ name }) => name === live))
    throw slotFaults.SETUP_FORGETS_LIVE({ host: host.name, slot: live, names: slots.names })
  const notes: string[] = []
  for (const [i, slot] of slots.all.entries()) {
    const found = existing.find(({ name }) => name === slot.name)
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
        `${slot.name} stays on ${from === undefined ? 'another port' : `port ${from}`} until its next deploy, then moves to ${slot.port}. Until then, a rollback to it is not possible.`,
      )
    notes.push(...(await stranded(host, slot, slot.name === live, { provisions, files, root })))
  }
  return notes
}

/** The consequences of a changed unit for a slot that runs. */
async function stranded(
  host: Host,
  slot: Slot,
  live: boolean,
  { provisions, files, root }: Changes,
): Promise<string[]> {
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
        ? `${slot.name} keeps running. The changes to ${changed.map(({ path }) => path).join(', ')} take full effect at its next start.`
        : `${slot.name} keeps running, but could not be restarted before its next deploy: ${stdout.trim()}.`,
    )
  }
  return notes
}
