/** What the journal tells of a slot, where the slot's record alone leaves a question open. */

import type { Host } from '../../host/host.ts'
import { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { JournalEntry } from '../model.ts'
import type { SlotRecord } from '../state/slot-record.ts'
import { readJournal } from './journal.ts'

/** How far back the journal is read. */
const FAR = 1_000

/** Why nothing runs in a slot on purpose: it was retired, or a deploy was taken back. Undefined when it was left running. */
export function stoppedBy(entries: readonly JournalEntry[], slot: string): JournalEntry | undefined {
  const last = entries.findLast(
    entry => entry.slot === slot && ['deploy', 'adopt', 'retire', 'promote'].includes(entry.event),
  )
  const taken = last?.event === 'deploy' && last.result === 'undone'
  return taken || last?.event === 'retire' ? last : undefined
}

/** The last time that a slot got the traffic. */
export const wasLive = (entries: readonly JournalEntry[], slot: string): JournalEntry | undefined =>
  entries.findLast(
    entry => entry.slot === slot && entry.result === 'done' && (entry.event === 'promote' || entry.event === 'adopt'),
  )

/** A fault of a slot that is down, told as what it is where somebody stopped it on purpose; any other is returned as it came. */
export async function explained(
  { host, layout }: { readonly host: Host; readonly layout: Layout },
  slot: string,
  record: SlotRecord | undefined,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof Fault) || error.code !== 'SLOT_DOWN' || !record) return error
  const by = stoppedBy(await host.query(readJournal(layout, FAR)).catch(() => []), slot)
  return by ? slotFaults.SLOT_STOPPED({ slot, release: record.release.name, by }) : error
}

/** Why there is no way back to a slot, as a fault. `live`: whether any slot is. */
export async function nowhere(
  { host, layout }: { readonly host: Host; readonly layout: Layout },
  slot: string,
  record: SlotRecord | undefined,
  live: boolean,
): Promise<Fault> {
  const told = (why: string, next: string) => slotFaults.ROLLBACK_NOWHERE({ slot, why, next })
  if (!live) return told('no slot is live', 'Run `npx task deploy --promote`.')
  if (!record) return told(`nothing was ever deployed to ${slot}`, 'Deploy an older version, and promote it.')
  const before = wasLive(await host.query(readJournal(layout, FAR)).catch(() => []), slot)?.release
  const { release, by, at } = record
  const now = `${by} deployed ${release.name} to ${slot} at ${at}`
  const forward = `\`npx task promote ${slot}\` sends the traffic to ${release.name}`
  if (before === undefined) return told(`${now}, and it has not been live yet`, `${forward}.`)
  if (before === release.name)
    return told(`${now} again, and it has not been live since`, `${forward}, which was live before.`)
  return told(
    `${now}, in the place of ${before}, which was live there`,
    `${forward}; for ${before}, deploy that again and promote it.`,
  )
}
