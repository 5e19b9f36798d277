import { arg } from '../../runner/cli/args.ts'
import { historyTable } from '../../slots/journal/history.ts'
import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'

/** Default of --last. */
const LAST = 20

export const history = ({ task }: SwarmDeps) =>
  task('Show what was done on this swarm, by whom', {
    examples: ['history', 'history --last 100 --json'],
    args: { last: arg.integer(`How many entries (default ${LAST})`, { least: 1 }).optional() },
    async run({ app, host, last, show, ...context }) {
      const { records } = await context.cluster()
      if (!records) throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
      const entries = records.journal.slice(-(last ?? LAST))
      show(columns => historyTable(entries, columns), { entries })
    },
  })
