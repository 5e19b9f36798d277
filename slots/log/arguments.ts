/** The arguments of `logs`, of hosts and of an engine. */
import { arg } from '../../runner/cli/args.ts'

/** Default of --lines without --since. */
const LINES = 200

export const logArguments = {
  lines: arg.integer(`How many lines (default ${LINES}, or all with --since)`, { short: 'n', least: 0 }).optional(),
  follow: arg.flag('Go on with each new line, until Ctrl-C', { short: 'f' }),
  since: arg.time('Only lines since then: 10m, 2h, 3d or a date and time').optional(),
}

/** How many lines to show; undefined for all. */
export const lineLimit = (lines: number | undefined, since: Date | undefined): number | undefined =>
  lines ?? (since ? undefined : LINES)
