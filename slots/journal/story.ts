/** Explains the state of a slot from the journal, where the slot's record is not enough. */

import type { Host } from '../../host/host.ts'
import { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { JournalEntry } from '../model.ts'
import type { SlotRecord } from '../state/slot-record.ts'
import { readJournal } from './journal.ts'

/** Entries to read from the end of the journal. */
const ENTRIES = 1_000

/** The entry of the retire or the undone deploy that stopped a slot; undefined if nobody stopped it. */
export function stoppedBy(entries: readonly JournalEntry[], slot: string): JournalEntry | undefined {
  const last = entries.findLast(
    entry => entry.slot === slot && ['deploy', 'adopt', 'retire', 'promote'].includes(entry.event),
  )
  const undone = last?.event === 'deploy' && last.result === 'undone'
  return undone || last?.event === 'retire' ? last : undefined
}

/** The entry of the last time that a slot became live. */
export const wasLive = (entries: readonly JournalEntry[], slot: string): JournalEntry | undefined =>
  entries.findLast(
    entry => entry.slot === slot && entry.result === 'done' && (entry.event === 'promote' || entry.event === 'adopt'),
  )

/** Returns `SLOT_STOPPED` for a `SLOT_DOWN` of a slot that was stopped on purpose; any other error unchanged. */
export async function explainDown(
  { host, layout }: { readonly host: Host; readonly layout: Layout },
  slot: string,
  record: SlotRecord | undefined,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof Fault) || error.code !== 'SLOT_DOWN' || !record) return error
  const by = stoppedBy(await host.query(readJournal(layout, ENTRIES)).catch(() => []), slot)
  return by ? slotFaults.SLOT_STOPPED({ slot, release: record.release.name, by }) : error
}

/** The `ROLLBACK_NOWHERE` fault that explains why a rollback to a slot is not possible. `live`: whether any slot is live. */
export async function rollbackFault(
  { host, layout }: { readonly host: Host; readonly layout: Layout },
  slot: string,
  record: SlotRecord | undefined,
  live: boolean,
): Promise<Fault> {
  const fault = (why: string, hint: string) => slotFaults.ROLLBACK_NOWHERE({ slot, why, hint })
  if (!live) return fault('no slot is live', 'Run `npx task deploy --promote`.')
  if (!record) return fault(`nothing was ever deployed to ${slot}`, 'Deploy an older version, and promote it.')
  const before = wasLive(await host.query(readJournal(layout, ENTRIES)).catch(() => []), slot)?.release
  const { release, by, at } = record
  const now = `${by} deployed ${release.name} to ${slot} at ${at}`
  const forward = `\`npx task promote ${slot}\` sends the traffic to ${release.name}`
  if (before === undefined) return fault(`${now}, and it has not been live yet`, `${forward}.`)
  if (before === release.name)
    return fault(`${now} again, and it has not been live since`, `${forward}, which was live before.`)
  return fault(
    `${now}, replacing ${before}, which was live there`,
    `${forward}. To return to ${before}, run \`npx task rollback ${before}\`, or deploy that version again and promote it.`,
  )
}
