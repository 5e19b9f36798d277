/** The arguments of `history`, for a project of hosts and of a swarm. */
import { arg } from '../../runner/cli/args.ts'
import { reportArgument } from '../report/argument.ts'

/** Default of --last without --since. */
const LAST = 20

export const historyArguments = {
  last: arg.integer(`How many entries (default ${LAST}, or all with --since)`, { least: 1 }).optional(),
  since: arg.time('Only entries since then: 24h, 7d or a date and time').optional(),
  report: reportArgument('Write them as a page to this HTML file, and as JSON beside it'),
}

interface Limits {
  readonly last: number | undefined
  readonly since: Date | undefined
}

/** How many of the newest entries; undefined for all. */
export const newestOf = ({ last, since }: Limits): number | undefined => last ?? (since ? undefined : LAST)
