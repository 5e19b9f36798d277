import { readStatus } from '../../slots/status/status.ts'
import { watchLines } from '../../slots/status/watch.ts'
import { watchArguments, watching } from '../../slots/status/watching.ts'
import type { TaskDeps } from '../context.ts'

export const watch = <S extends string>({ task }: TaskDeps<S>) =>
  task('Watch both slots', {
    description:
      'Prints live, release, state, health, connections, process and uptime of each slot, then a line whenever something of that changes.\n' +
      'Goes on while the host is not reachable. Ctrl-C ends it, with the exit code 130. --json prints each change as data.',
    examples: ['watch', 'watch --every 5s --for 10m'],
    args: watchArguments,
    streams: true,
    async run({ every, for: limit, print, signal, ...context }) {
      const width = Math.max(...context.slots.names.map(name => name.length))
      await watching({
        ...{ every, limit, print, signal },
        outages: new Set(['CONNECTION_LOST', 'HOST_UNREACHABLE']),
        look: async () => (await readStatus(context)).status,
        show(now, before) {
          for (const { slot = '', text, data } of watchLines(now, before, new Date()))
            print(text, { label: slot.padEnd(width), data })
        },
      })
    },
  })
