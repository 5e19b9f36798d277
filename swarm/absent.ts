/** The commands of a project on hosts that a swarm does not have, each with the reason and with what to do instead. */
import type { Fault } from '../runner/fault.ts'
import { swarmFaults } from './faults.ts'

export const ABSENT: Readonly<Record<string, readonly [why: string, instead: string]>> = {
  bootstrap: [
    'the nodes are prepared with the engine',
    'Install Docker on each node, then run `docker swarm init` and `docker swarm join`.',
  ],
  canary: [
    'its routers send all traffic to one slot',
    'Use the `canary` of a project on hosts, or try the idle slot with `npx task exec` before the promote.',
  ],
  'catch-up': [
    'the engine itself starts what a node lacks when it is back',
    'Run `npx task status`, which shows the tasks of each node.',
  ],
  'env-push': [
    'a service gets its variables together with its tasks',
    'Run `npx task restart`, which gives them to the idle slot and then moves the traffic there.',
  ],
  lock: [
    'its lock is only held by runs',
    'Take away the access to the managers, or the `deploy` of CI, while nobody shall deploy.',
  ],
  maintenance: [
    'its routers have no page of their own',
    'Show one in what is in front of the nodes, such as the load balancer with the TLS.',
  ],
  prune: [
    'the images are kept by the registry and by the engine of each node',
    'Run `docker image prune --all --filter until=240h` on the nodes, and set how long the registry keeps its own.',
  ],
  rehearse: [
    'a rehearsal makes hosts, and no engine with several nodes',
    'In a checkout of switchyard, `npm run rehearse -- --swarm` shows a promote on three engines.',
  ],
  releases: [
    'its releases are images, of which the registry has the list',
    'Run `npx task status` for those in the slots, and `npx task history` for those before.',
  ],
  retire: [
    'the tasks of the idle slot run until the next deploy, so that the way back takes a second',
    'To free their memory, run `npx task scale SLOT 1`, which makes that way longer.',
  ],
  rpc: [
    'the engine knows nothing of the language of the application',
    'Run its program in a task: `npx task exec -- bin/life rpc "..."`.',
  ],
  unlock: ['its lock is only held by runs', 'A run that died frees it after half a minute.'],
}

/** The error for a command that a swarm does not have. */
export function absent(name: string): Fault | undefined {
  const found = Object.hasOwn(ABSENT, name) ? ABSENT[name] : undefined
  return found && swarmFaults.NOT_OF_A_SWARM({ name, why: found[0], instead: found[1] })
}
