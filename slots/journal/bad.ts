/** Finds bad releases in the journal, so that a release that failed is not promoted again by mistake. */
import { mapped, type Query } from '../../host/query.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { JournalEntry } from '../model.ts'
import { readJournal } from './journal.ts'

/** Error codes, by event, that are the fault of the release, and not of the network, the router, the host or a person. */
const RELEASE_FAILURES: Partial<Record<JournalEntry['event'], readonly string[]>> = {
  deploy: [
    'START_FAILED',
    'RELEASE_WITHOUT_SCRIPT',
    'SLOT_DOWN',
    'SLOT_NOT_HEALTHY',
    'SLOT_OTHER_VERSION',
    'APPLICATION_NOT_READY',
    'PROCESS_FAILED',
  ],
  check: ['SLOT_DOWN', 'SLOT_NOT_HEALTHY', 'SLOT_OTHER_VERSION', 'APPLICATION_NOT_READY', 'PROCESS_FAILED'],
  migrate: ['MIGRATION_FAILED', 'MIGRATION_CUT_SHORT', 'MIGRATION_TIMED_OUT', 'MIGRATION_LOST'],
  canary: ['CANARY_TAKEN_BACK'],
  promote: [
    'SLOT_NOT_HEALTHY',
    'SLOT_OTHER_VERSION',
    'APPLICATION_NOT_READY',
    'RELEASE_UNVERIFIED',
    'PROBES_FAILED',
    'SOCKET_REFUSED',
    'PROCESS_FAILED',
  ],
}

/** Failures seen only through the router: a passed health check of the slot does not clear them. */
const THROUGH_THE_ROUTER: readonly (string | undefined)[] = [
  'RELEASE_UNVERIFIED',
  'PROBES_FAILED',
  'SOCKET_REFUSED',
  'CANARY_TAKEN_BACK',
]

/** Entries to read from the end of the journal. */
const ENTRIES = 1_000

/**
 * The entry that makes a release bad; undefined if there is none. A later success of the same event, or of one that implies it, clears the
 * failure.
 */
export function badness(entries: readonly JournalEntry[], release: string): JournalEntry | undefined {
  let bad: JournalEntry | undefined
  for (const [i, entry] of entries.entries()) {
    if (entry.release !== release || !RELEASE_FAILURES[entry.event]) continue
    if (entry.result === 'begun' && !ended(entry, entries.slice(i + 1))) bad = { ...entry, why: 'its end was not seen' }
    if (entry.result === 'failed' && RELEASE_FAILURES[entry.event]?.includes(entry.why ?? '')) bad = entry
    if (bad && entry.result === 'done' && clears(entry, bad)) bad = undefined
  }
  return bad
}

/** Whether the journal has the end of a migration. */
const ended = (begun: JournalEntry, later: readonly JournalEntry[]): boolean =>
  later.some(
    ({ event, deploy, release }) => event === 'migrate' && deploy === begun.deploy && release === begun.release,
  )

function clears({ event }: JournalEntry, bad: JournalEntry): boolean {
  if (event === 'promote') return true
  // A small share has proven little.
  if (event === 'canary') return false
  // A healthy application does not prove that the database is fully migrated.
  if (bad.event === 'migrate') return event === 'migrate'
  // Successful migrations do not prove that the application works.
  if (event === 'migrate') return false
  return !THROUGH_THE_ROUTER.includes(bad.why)
}

/** Resolves to a function that throws `RELEASE_BAD` for a release that failed and has not succeeded since. */
export const badReleases = (layout: Layout): Query<(release: string) => void> =>
  mapped(readJournal(layout, ENTRIES), entries => release => {
    const bad = badness(entries, release)
    if (bad) throw slotFaults.RELEASE_BAD({ release, bad })
  })

/** @throws `RELEASE_BAD` if the release failed and has not succeeded since. */
export const assertNotBad = (layout: Layout, release: string): Query<void> =>
  mapped(badReleases(layout), refuse => refuse(release))
