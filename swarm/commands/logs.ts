import { capture } from '../../host/query.ts'
import { lineLimit, logArguments } from '../../slots/log/arguments.ts'
import type { SwarmDeps } from '../context.ts'
import { inOrder, type LogLine, parseLogLine, readLogs } from '../logs.ts'

export const logs = <S extends string>({ task, slot }: SwarmDeps<S>) =>
  task("Show the application's log", {
    description:
      'The newest lines of all tasks of both slots, in the order of time, or of one slot: what the engine has kept of them. Ctrl-C ends --follow,\n' +
      'with the exit code 130. The engine keeps nothing for a log driver that it cannot read, such as `syslog`.',
    examples: ['logs', 'logs -f --slot green', 'logs --since 10m'],
    args: { slot: slot.optional(), ...logArguments },
    streams: true,
    async run({ app, host, slots, slot, lines, follow, since, print }) {
      const limit = lineLimit(lines, since)
      const filter = { app, slots: slot ? [slot] : slots, lines: limit, since, follow }
      const printLine = ({ slot, at, task, text }: LogLine) =>
        print(text, { label: `${slot} ${task}`, data: { slot, task, time: at || null, text } })
      if (follow) await host.run(readLogs(filter), { keep: false, onLine: line => printLine(parseLogLine(line)) })
      else
        for (const line of inOrder(
          (await host.query(capture(readLogs(filter)))).split('\n').filter(Boolean).map(parseLogLine),
          limit,
        ))
          printLine(line)
    },
  })
