import { arg } from '../../runner/cli/args.ts'
import { asked, assertAsked } from '../../slots/fleet/asked.ts'
import { fleetHistoryTable, historyTable, mergedHistory } from '../../slots/journal/history.ts'
import { readJournal } from '../../slots/journal/journal.ts'
import { newestMigration } from '../../slots/migration/detached.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

/** Default of --last. */
const LAST = 20

export const history = <S extends string>({ task, several }: TaskDeps<S>) =>
  task('Show what was done on this host, by whom', {
    description:
      'Prints the newest entries of the journal, newest last, including failed and undone runs. --json prints them as data.\n' +
      'With several hosts it merges their journals: what a run did on several of them is one entry, with their names.',
    examples: ['history', 'history --last 100 --json'],
    args: { last: arg.integer(`How many entries (default ${LAST})`).optional() },
    async run({ host, layout, fleet, last = LAST, show }) {
      const read = () => host.all([assertSetUp(layout), readJournal(layout, last), newestMigration(layout)])
      if (!several) {
        const [, entries, migration] = await read()
        return show(columns => historyTable(entries, columns, migration), { entries })
      }
      const all = await fleet.gather(await asked(read))
      const known = all.flatMap(({ host, value: { found } }) => (found ? [{ host, value: found }] : []))
      const entries = mergedHistory(
        known.map(({ host, value: [, entries] }) => ({ host, value: entries })),
        last,
      )
      const migrations = known.flatMap(({ value: [, , migration] }) => migration ?? [])
      const names = known.map(({ host }) => host)
      show(columns => fleetHistoryTable(entries, names, migrations, columns), { entries }, { ofAll: true })
      assertAsked(all)
    },
  })
