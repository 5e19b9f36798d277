import { setTimeout as sleep } from 'node:timers/promises'
import { arg } from '../../runner/cli/args.ts'
import { isFault } from '../../runner/fault.ts'
import { readStatus, type Status } from '../../slots/status/status.ts'
import { watchLines } from '../../slots/status/watch.ts'
import type { TaskDeps } from '../context.ts'

/** Default of --every, in milliseconds. */
const EVERY = 2_000
const LEAST = 500

const every = arg.duration(`How long to wait between two looks (default ${EVERY / 1000}s)`).optional()
const limit = arg.duration('How long to watch, such as 5m (default: until Ctrl-C)').optional()

export const watch = <S extends string>({ task }: TaskDeps<S>) =>
  task('Watch both slots', {
    description:
      'Prints live, release, state, health, connections, process and uptime of each slot, then a line whenever something of that changes.\n' +
      'Goes on while the host is not reachable. Ctrl-C ends it, with the exit code 130. --json prints each change as data.',
    examples: ['watch', 'watch --every 5s --for 10m'],
    args: { every, for: limit },
    streams: true,
    async run({ every = EVERY, for: limit, print, signal, ...context }) {
      const width = Math.max(...context.slots.names.map(name => name.length))
      const end = limit === undefined ? Number.POSITIVE_INFINITY : performance.now() + limit
      let before: Status | undefined
      let lost = false
      while (!signal.aborted) {
        try {
          const { status: now } = await readStatus(context)
          for (const { slot = '', text, data } of watchLines(now, lost ? undefined : before, new Date()))
            print(text, { label: slot.padEnd(width), data })
          before = now
          lost = false
        } catch (error) {
          if (signal.aborted) return
          // The first look must succeed: a wrong name of the host is no outage.
          if (!before || !isFault(error) || !OUTAGES.has(error.code)) throw error
          if (!lost) print(error.message, { to: 'stderr', data: { code: error.code } })
          lost = true
        }
        if (performance.now() + Math.max(every, LEAST) > end) return
        await sleep(Math.max(every, LEAST), undefined, { signal }).catch(() => undefined)
      }
    },
  })

const OUTAGES = new Set(['CONNECTION_LOST', 'HOST_UNREACHABLE'])
