import { resolve } from 'node:path'
import { historyArguments, newestOf } from '../../slots/journal/arguments.ts'
import { historyTable } from '../../slots/journal/history.ts'
import { historyReport } from '../../slots/report/history.ts'
import { writeHistoryReport } from '../../slots/report/write.ts'
import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'

export const history = ({ task }: SwarmDeps) =>
  task('Show what was done on this swarm, by whom', {
    examples: ['history', 'history --last 100 --json', 'history --since 24h --report day.html'],
    args: historyArguments,
    async run({ app, host, last, since, report, dryRun, show, ...context }) {
      const { records } = await context.cluster()
      if (!records) throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
      const newest = newestOf({ last, since })
      const entries = records.journal
        .filter(({ at }) => since === undefined || at >= since.toISOString())
        .slice(newest === undefined ? 0 : -newest)
      if (report !== undefined && !dryRun) {
        const data = historyReport({ app, ...context }, { hosts: [host.name], since, entries })
        await writeHistoryReport(resolve(report), context.redact(data), [])
      }
      show(columns => historyTable(entries, columns), { entries })
    },
  })
