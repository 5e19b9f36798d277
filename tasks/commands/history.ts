import { arg } from '../../runner/cli/args.ts'
import { historyTable } from '../../slots/journal/history.ts'
import { readJournal } from '../../slots/journal/journal.ts'
import { newestMigration } from '../../slots/migration/detached.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

/** Default of --last. */
const LAST = 20

export const history = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show what was done on this host, by whom', {
    description:
      'Prints the newest entries of the journal, newest last, including failed and undone runs. --json prints them as data.',
    examples: ['history', 'history --last 100 --json'],
    args: { last: arg.integer(`How many entries (default ${LAST})`).optional() },
    async run({ host, layout, last, show }) {
      const [, entries, migration] = await host.all([
        assertSetUp(layout),
        readJournal(layout, last ?? LAST),
        newestMigration(layout),
      ])
      show(columns => historyTable(entries, columns, migration), { entries })
    },
  })
