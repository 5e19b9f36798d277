/** Releases that proved unfit. The journal remembers them, so that they are not promoted again by mistake. */
import type { Host } from '../../host/host.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { SlotRecord } from '../truth/record.ts'
import { type Entry, readJournal } from './journal.ts'

/** Failures that are the release's own, and not those of the network, the router or the person, by event. */
const OWN: Partial<Record<Entry['event'], readonly string[]>> = {
  deploy: ['START_FAILED', 'RELEASE_WITHOUT_SCRIPT', 'SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION'],
  check: ['SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION'],
  migrate: ['MIGRATION_FAILED'],
  promote: ['SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION', 'PROMOTE_NOT_PROVEN', 'PROBES_FAILED'],
}

/** How far back the journal is read. */
const FAR = 1_000

/** What a release failed at and never made good; undefined when there is nothing. A later success clears it. */
export function badness(entries: readonly Entry[], release: string): Entry | undefined {
  let bad: Entry | undefined
  for (const entry of entries) {
    if (entry.release !== release || !OWN[entry.event]) continue
    if (entry.result === 'failed' && OWN[entry.event]?.includes(entry.why ?? '')) bad = entry
    // Migrations that work now say nothing of an application that did not.
    if (entry.result === 'done' && (entry.event !== 'migrate' || bad?.event === 'migrate')) bad = undefined
  }
  return bad
}

/** Throws `RELEASE_BAD` for a release that proved unfit and was not seen healthy since. */
export async function assertNotBad(host: Host, layout: Layout, record: SlotRecord | undefined): Promise<void> {
  if (!record) return
  const release = record.release.name
  const bad = badness(await readJournal(host, layout, FAR), release)
  if (bad) throw slotFaults.RELEASE_BAD({ slot: record.slot, release, bad })
}
