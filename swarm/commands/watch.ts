import { watchArguments, watching } from '../../slots/status/watching.ts'
import type { StepContext, SwarmDeps } from '../context.ts'
import { readSwarm } from '../reading.ts'
import { type SwarmStatus, statusOf } from '../status.ts'
import { watchLines } from '../watch.ts'

export const watch = ({ task }: SwarmDeps) =>
  task('Watch the slots, their tasks, and the routers', {
    description:
      'Prints a line for each slot and each node, then one whenever something of that changes. Goes on while the manager does not answer.\n' +
      'Ctrl-C ends it, with the exit code 130. --json prints each change as data.',
    examples: ['watch', 'watch --every 5s --for 10m'],
    args: watchArguments,
    streams: true,
    async run({ every, for: limit, print, ...context }) {
      await watching({
        ...{ every, limit, print, signal: context.signal, outages: OUTAGES },
        look: () => look(context),
        show(now, before) {
          const time = new Date().toISOString()
          for (const { of, text, data } of watchLines(now, before))
            print(`${time.slice(11, 19)}  ${text}`, { ...(of && { label: of }), data: { at: time, ...data } })
        },
      })
    },
  })

async function look(context: StepContext): Promise<SwarmStatus> {
  const { cluster, states } = await readSwarm(context)
  return statusOf(context.host.name, context.slots, cluster, states)
}

const OUTAGES = new Set([
  'CONNECTION_LOST',
  'HOST_UNREACHABLE',
  'ENGINE_UNREACHABLE',
  'SWARM_WITHOUT_QUORUM',
  'CONTROL_ENDED',
])
