import { resolve } from 'node:path'
import { asked, assertAsked } from '../../slots/fleet/asked.ts'
import { historyArguments, newestOf } from '../../slots/journal/arguments.ts'
import { fleetHistoryTable, historyTable, mergedHistory } from '../../slots/journal/history.ts'
import { readJournal } from '../../slots/journal/journal.ts'
import { type Detached, newestMigration } from '../../slots/migration/detached.ts'
import { type HistoryReport, historyReport } from '../../slots/report/history.ts'
import { writeHistoryReport } from '../../slots/report/write.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

export const history = <S extends string>({ task, several }: TaskDeps<S>) =>
  task('Show what was done on this host, by whom', {
    description:
      'Prints the newest entries of the journal, newest last, including failed and undone runs. --json prints them as data.\n' +
      '--report writes them as a page, with a time line and what the probes of each promote have measured.\n' +
      'With several hosts it merges their journals: what a run did on several of them is one entry, with their names.',
    examples: ['history', 'history --last 100 --json', 'history --since 24h --report day.html'],
    args: historyArguments,
    async run({ last, since, report, dryRun, show, ...context }) {
      const { host, layout, fleet } = context
      const newest = newestOf({ last, since })
      const read = () => host.all([assertSetUp(layout), readJournal(layout, newest, since), newestMigration(layout)])
      const write = async (
        hosts: readonly string[],
        entries: HistoryReport['entries'],
        running: readonly Detached[],
      ) => {
        if (report === undefined || dryRun) return
        const data = historyReport(context, { hosts, since, entries })
        await writeHistoryReport(resolve(report), context.redact(data), running)
      }
      if (!several) {
        const [, entries, migration] = await read()
        await write([host.name], entries, migration ? [migration] : [])
        return show(columns => historyTable(entries, columns, migration), { entries })
      }
      const all = await fleet.gather(await asked(read))
      const known = all.flatMap(({ host, value: { found } }) => (found ? [{ host, value: found }] : []))
      const entries = mergedHistory(
        known.map(({ host, value: [, entries] }) => ({ host, value: entries })),
        newest,
      )
      const migrations = known.flatMap(({ value: [, , migration] }) => migration ?? [])
      const names = known.map(({ host }) => host)
      if (fleet.first) await write(names, entries, migrations)
      show(columns => fleetHistoryTable(entries, names, migrations, columns), { entries }, { ofAll: true })
      assertAsked(all)
    },
  })
