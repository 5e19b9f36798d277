import { setTimeout as sleep } from 'node:timers/promises'
import { arg } from '../../runner/cli/args.ts'
import { isFault } from '../../runner/fault.ts'
import type { StepContext, SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { type SwarmStatus, statusOf } from '../status.ts'
import { watchLines } from '../watch.ts'

/** Default of --every, in milliseconds. */
const EVERY = 2_000
const LEAST = 500

const every = arg.duration(`How long to wait between two looks (default ${EVERY / 1000}s)`).optional()
const limit = arg.duration('How long to watch, such as 5m (default: until Ctrl-C)').optional()

export const watch = ({ task }: SwarmDeps) =>
  task('Watch the slots, their tasks, and the routers', {
    description:
      'Prints a line for each slot and each node, then one whenever something of that changes. Goes on while the manager does not answer.\n' +
      'Ctrl-C ends it, with the exit code 130. --json prints each change as data.',
    examples: ['watch', 'watch --every 5s --for 10m'],
    args: { every, for: limit },
    streams: true,
    async run({ every = EVERY, for: limit, print, ...context }) {
      const { signal } = context
      const end = limit === undefined ? Number.POSITIVE_INFINITY : performance.now() + limit
      let before: SwarmStatus | undefined
      let lost = false
      while (!signal.aborted) {
        try {
          const now = await look(context)
          const time = new Date().toISOString()
          for (const { of, text, data } of watchLines(now, lost ? undefined : before))
            print(`${time.slice(11, 19)}  ${text}`, { ...(of && { label: of }), data: { at: time, ...data } })
          before = now
          lost = false
        } catch (error) {
          if (signal.aborted) return
          // The first look must succeed: a wrong name of the manager is no outage.
          if (!before || !isFault(error) || !OUTAGES.has(error.code)) throw error
          if (!lost) print(error.message, { to: 'stderr', data: { code: error.code } })
          lost = true
        }
        if (performance.now() + Math.max(every, LEAST) > end) return
        await sleep(Math.max(every, LEAST), undefined, { signal }).catch(() => undefined)
      }
    },
  })

async function look(context: StepContext): Promise<SwarmStatus> {
  const { app, host, slots } = context
  const cluster = await context.cluster()
  if (!cluster.records || !cluster.router) throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
  return statusOf(host.name, slots, cluster, await (await context.control(cluster)).states())
}

const OUTAGES = new Set([
  'CONNECTION_LOST',
  'HOST_UNREACHABLE',
  'ENGINE_UNREACHABLE',
  'SWARM_WITHOUT_QUORUM',
  'CONTROL_ENDED',
])
