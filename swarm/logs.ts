/** The logs of the slots: what the engine has kept of the output of their tasks. */
import { type Script, sh } from '../host/script.ts'
import { namesOf } from './names.ts'

export interface LogFilter {
  readonly app: string
  readonly slots: readonly string[]
  /** The newest of each task; undefined for all. */
  readonly lines: number | undefined
  readonly since: Date | undefined
  readonly follow: boolean
}

/** Seconds that the engine may take to collect the lines that there are: it waits for a node that is down. */
const COLLECT = 20

/** Prints the log of each slot that was deployed to, with the slot before each line. */
export const readLogs = ({ app, slots, lines, since, follow }: LogFilter): Script => {
  const options = [
    '--timestamps',
    ...(lines === undefined ? [] : ['--tail', String(lines)]),
    ...(since ? ['--since', since.toISOString()] : []),
    ...(follow ? ['--follow'] : []),
  ]
  const limit = follow ? [] : ['timeout', String(COLLECT)]
  return sh.lines(
    ...slots.map(
      slot =>
        sh.read`{ if docker service inspect --format x ${namesOf(app).slot(slot)} > /dev/null 2>&1; then ${limit} docker service logs ${options} ${namesOf(app).slot(slot)} 2>&1 | sed -u ${`s/^/${slot} /`} || :; fi; } &`,
    ),
    sh.read`wait`,
  )
}

export interface LogLine {
  readonly slot: string
  /** As the engine writes it, ISO 8601 with nanoseconds; '' for a line of the engine itself. */
  readonly at: string
  /** The number of the task, and its node: `1@n2`. */
  readonly task: string
  readonly text: string
}

/** @param line `SLOT TIME SERVICE.NUMBER.ID@NODE    | TEXT` */
export function parseLogLine(line: string): LogLine {
  const [, slot = '', rest = ''] = /^(\S+) (.*)$/s.exec(line) ?? []
  const [, at, number, node, text = ''] = /^(\S+) \S+\.(\d+)\.\w+@(\S+)\s+\| ?(.*)$/s.exec(rest) ?? []
  return at === undefined ? { slot, at: '', task: '', text: rest } : { slot, at, task: `${number}@${node}`, text }
}

/** In the order of time, the newest `limit`. */
export const inOrder = (lines: readonly LogLine[], limit = lines.length): readonly LogLine[] =>
  [...lines].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).slice(Math.max(0, lines.length - limit))
