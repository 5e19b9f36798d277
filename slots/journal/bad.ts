/** Releases that proved unfit. The journal remembers them, so that they are not promoted again by mistake. */
import { mapped, type Query } from '../../host/query.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { JournalEntry } from '../model.ts'
import { readJournal } from './journal.ts'

/** Failures that are the release's own, and not those of the network, the router, the host or the person, by event. */
const OWN: Partial<Record<JournalEntry['event'], readonly string[]>> = {
  deploy: ['START_FAILED', 'RELEASE_WITHOUT_SCRIPT', 'SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION'],
  check: ['SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION'],
  migrate: ['MIGRATION_FAILED', 'MIGRATION_CUT_SHORT', 'MIGRATION_TIMED_OUT', 'MIGRATION_LOST'],
  promote: ['SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION', 'RELEASE_UNVERIFIED', 'PROBES_FAILED'],
}

/** What only the router's side shows: a slot that is healthy by itself says nothing against it. */
const THROUGH_THE_ROUTER: readonly (string | undefined)[] = ['RELEASE_UNVERIFIED', 'PROBES_FAILED']

/** How far back the journal is read. */
const FAR = 1_000

/** What a release failed at and never made good; undefined when there is nothing. A later success at the same, or at what comes after it, clears it. */
export function badness(entries: readonly JournalEntry[], release: string): JournalEntry | undefined {
  let bad: JournalEntry | undefined
  for (const [i, entry] of entries.entries()) {
    if (entry.release !== release || !OWN[entry.event]) continue
    if (entry.result === 'begun' && !ended(entry, entries.slice(i + 1))) bad = { ...entry, why: 'its end was not seen' }
    if (entry.result === 'failed' && OWN[entry.event]?.includes(entry.why ?? '')) bad = entry
    if (bad && entry.result === 'done' && clears(entry, bad)) bad = undefined
  }
  return bad
}

/** Whether a migration that began has an end in the journal; one that was refused says nothing of the release. */
const ended = (begun: JournalEntry, later: readonly JournalEntry[]): boolean =>
  later.some(
    ({ event, deploy, release }) => event === 'migrate' && deploy === begun.deploy && release === begun.release,
  )

function clears({ event }: JournalEntry, bad: JournalEntry): boolean {
  if (event === 'promote') return true
  // An application that is healthy says nothing of a database that is half migrated.
  if (bad.event === 'migrate') return event === 'migrate'
  // Migrations that work now say nothing of an application that did not.
  if (event === 'migrate') return false
  return !THROUGH_THE_ROUTER.includes(bad.why)
}

/** Throws `RELEASE_BAD` for a release that proved unfit and did not make that good since. */
export const assertNotBad = (layout: Layout, release: string): Query<void> =>
  mapped(readJournal(layout, FAR), entries => {
    const bad = badness(entries, release)
    if (bad) throw slotFaults.RELEASE_BAD({ release, bad })
  })
