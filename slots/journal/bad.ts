/** Releases that proved unfit. The journal remembers them, so that they are not promoted again by mistake. */
import type { Host } from '../../host/host.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { type Entry, readJournal } from './journal.ts'

/** Failures that are the release's own, and not those of the network, the router, the host or the person, by event. */
const OWN: Partial<Record<Entry['event'], readonly string[]>> = {
  deploy: ['START_FAILED', 'RELEASE_WITHOUT_SCRIPT', 'SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION'],
  check: ['SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION'],
  migrate: ['MIGRATION_FAILED'],
  promote: ['SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION', 'RELEASE_NOT_PROVEN', 'PROBES_FAILED'],
}

/** What only the router's side shows: a slot that is healthy by itself says nothing against it. */
const THROUGH_THE_ROUTER: readonly (string | undefined)[] = ['RELEASE_NOT_PROVEN', 'PROBES_FAILED']

/** How far back the journal is read. */
const FAR = 1_000

/** What a release failed at and never made good; undefined when there is nothing. A later success at the same, or at what comes after it, clears it. */
export function badness(entries: readonly Entry[], release: string): Entry | undefined {
  let bad: Entry | undefined
  for (const entry of entries) {
    if (entry.release !== release || !OWN[entry.event]) continue
    if (entry.result === 'failed' && OWN[entry.event]?.includes(entry.why ?? '')) bad = entry
    if (bad && entry.result === 'done' && clears(entry, bad)) bad = undefined
  }
  return bad
}

function clears({ event }: Entry, bad: Entry): boolean {
  if (event === 'promote') return true
  // Migrations that work now say nothing of an application that did not.
  if (event === 'migrate') return bad.event === 'migrate'
  return !THROUGH_THE_ROUTER.includes(bad.why)
}

/** Throws `RELEASE_BAD` for a release that proved unfit and did not make that good since. */
export async function assertNotBad(host: Host, layout: Layout, release: string): Promise<void> {
  const bad = badness(await readJournal(host, layout, FAR), release)
  if (bad) throw slotFaults.RELEASE_BAD({ release, bad })
}
