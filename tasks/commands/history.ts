import { arg } from '../../runner/cli/args.ts'
import { historyTable } from '../../slots/journal/history.ts'
import { readJournal } from '../../slots/journal/journal.ts'
import { askNewest } from '../../slots/migration/detached.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

/** Entries that are shown unless --last says otherwise. */
const LAST = 20

export const history = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show what was done on this host, by whom', {
    description:
      'The newest entries of the journal, the last one last; failed and undone runs too. With --json as data.',
    examples: ['history', 'history --last 100 --json'],
    args: { last: arg.integer(`How many entries; ${LAST} unless told`).optional() },
    async run({ host, layout, last, show }) {
      const [, entries, migration] = await host.all([
        assertSetUp(layout),
        readJournal(layout, last ?? LAST),
        askNewest(layout),
      ])
      show(columns => historyTable(entries, columns, migration), { entries })
    },
  })
