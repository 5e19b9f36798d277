import { each, group } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { lineLimit, logArguments } from '../../slots/log/arguments.ts'
import { followLogs } from '../../slots/log/follow.ts'
import { merged, type SlotLine } from '../../slots/log/merge.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

export const logs = <S extends string>({ task, slot }: TaskDeps<S>) =>
  task("Show the application's log", {
    description:
      'The newest lines of both slots, in the order of time, or of one slot; also of a slot that is down, and over its restarts.\n' +
      'The host compares the lines with --grep, as a fixed text. Ctrl-C ends --follow, with the exit code 130.',
    examples: [
      'logs',
      'logs -f --slot green',
      "logs --since 10m --grep 'status=500'",
      "logs --since '2026-11-26 10:00'",
    ],
    args: {
      slot: slot.optional(),
      ...logArguments,
      grep: arg.text('Only lines that contain this text').optional(),
    },
    streams: true,
    async run({ host, layout, runtime, slots, slot, lines, follow, since, grep, print, signal }) {
      const limit = lineLimit(lines, since)
      const filter = { lines: limit, since: since?.getTime(), contains: grep }
      const chosen = (slot ? [slot] : slots.all).map(slot => ({ slot, log: runtime.logs?.(slot, filter) }))
      const found = chosen.flatMap(({ slot, log }) => (log ? [{ slot, log }] : []))
      if (found.length === 0) throw slotFaults.CANNOT({ verb: 'logs' })

      const width = Math.max(...found.map(({ slot }) => slot.name.length))
      const printLine = ({ slot, time, text }: SlotLine) =>
        print(text, {
          ...(found.length > 1 && { label: slot.name.padEnd(width) }),
          data: { slot: slot.name, time: time === undefined ? null : new Date(time).toISOString(), text },
        })
      const pages = await host.query(
        group([assertSetUp(layout), each(found.map(({ log }) => log.page))], (_, pages) => pages),
      )
      const read = found.map(({ slot, log }, i) => ({
        slot,
        log,
        lines: pages[i]?.lines ?? [],
        end: pages[i]?.end ?? '',
      }))
      for (const line of merged(read, limit)) printLine(line)
      if (!follow) return
      const streams = read.map(({ slot, log, end }) => ({ slot, stream: log.follow(end) }))
      await followLogs(host, streams, printLine, signal)
    },
  })
