/** The checks of `doctor`: whether a deploy and a promote would find what they need. Pure. */

import type { Check } from '../slots/model.ts'
import { bad, ok } from '../slots/preflight/checks.ts'
import { type Cluster, running } from './cluster.ts'
import { differing, lostNodes } from './live.ts'
import { routeText } from './records.ts'
import type { RouterStates } from './router/control.ts'
import { unreachedLive } from './waiting.ts'

export interface Evidence {
  readonly cluster: Cluster
  /** Undefined before the setup. */
  readonly states: RouterStates | undefined
  /** The digest of the routers that the Taskfile wants. */
  readonly planned: string
  /** What the registry answered on the manager: a status, or why it did not; undefined without a registry. */
  readonly registry: { readonly name: string; readonly answer: string } | undefined
}

export const swarmChecks = (evidence: Evidence): readonly Check[] => [
  ...nodeChecks(evidence),
  ...routerChecks(evidence),
  ...slotChecks(evidence),
  ...registryChecks(evidence),
]

function nodeChecks({ cluster }: Evidence): readonly Check[] {
  const { nodes, here } = cluster
  const managers = nodes.filter(({ manager }) => manager)
  const down = managers.filter(({ up }) => !up)
  const lost = lostNodes(cluster).map(({ name }) => name)
  const own = nodes.find(({ id }) => id === here)
  const more = 'Make an odd number of nodes managers, at least three: `docker node promote NODE`.'
  return [
    own && own.availability !== 'active'
      ? bad(
          'fail',
          'manager',
          `${own.name} has the availability ${own.availability}`,
          `Run \`docker node update --availability active ${own.name}\`, or name another manager.`,
        )
      : ok('manager', `${own?.name ?? 'the manager'}, Docker ${own?.engine ?? 'unknown'}`),
    managers.length < 3
      ? bad('warn', 'managers', `${managers.length}: if one is lost, nothing can be changed`, more)
      : managers.length % 2 === 0
        ? bad('warn', 'managers', `${managers.length}: no more may be lost than of ${managers.length - 1}`, more)
        : down.length > 0
          ? bad(
              'warn',
              'managers',
              `${down.map(({ name }) => name).join(', ')} of ${managers.length} down`,
              'Bring it back before another one is lost.',
            )
          : ok('managers', `${managers.length}`),
    lost.length > 0
      ? bad(
          'fail',
          'nodes',
          `${lost.join(', ')} lost`,
          `Bring it back, or take it out: \`docker node update --availability drain ${lost[0]}\`.`,
        )
      : ok('nodes', `${nodes.length}`),
  ]
}

function routerChecks({ cluster, states, planned }: Evidence): readonly Check[] {
  const { records, router } = cluster
  if (!records || !router || !states) return [bad('warn', 'setup', 'not set up yet', 'Run `npx task setup`.')]
  const silent = [...states].flatMap(([node, state]) => (state ? [] : [node]))
  const answering = new Map([...states].filter(([, state]) => state))
  const missed = unreachedLive(cluster, answering)
  const others = differing(states, records.live).map(([node, route]) => `${node} ${route}`)
  return [
    router.paused
      ? bad('fail', 'setup', 'a new router has failed, so the engine replaces no other one', 'Run `npx task setup`.')
      : router.spec === planned
        ? ok('setup', 'the routers are as the Taskfile wants them')
        : bad('warn', 'setup', 'the Taskfile wants other routers', 'Run `npx task setup`.'),
    silent.length > 0
      ? bad('fail', 'routers', `${silent.join(', ')} silent`, 'Look at `docker service ps` of the router.')
      : ok('routers', `${states.size} answer`),
    missed.length > 0
      ? bad(
          'fail',
          'reach',
          missed.join(', '),
          'Check the health path of the tasks, and the ports of the overlay network: 7946 (TCP and UDP) and 4789 (UDP).',
        )
      : ok('reach', 'every router reaches the tasks of the live slot'),
    records.moving
      ? bad('fail', 'live', `the switch to ${records.moving.to.slot} did not end`, 'Run `npx task repair`.')
      : others.length > 0
        ? bad(
            'fail',
            'live',
            `the records say ${routeText(records.live)}, and ${others.join(', ')}`,
            'Run `npx task repair`.',
          )
        : ok('live', records.live?.slot ?? 'no slot yet'),
  ]
}

const slotChecks = ({ cluster }: Evidence): readonly Check[] =>
  [...cluster.slots.values()].map(({ slot, release, replicas, tasks }) => {
    const count = running(tasks).length
    const message = `${release}, ${count} of ${replicas} tasks run`
    if (count >= replicas) return ok(slot, message)
    const live = cluster.records?.live?.slot === slot
    return bad(live ? 'fail' : 'warn', slot, message, 'Look at `docker service ps` of the slot.')
  })

function registryChecks({ registry, cluster }: Evidence): readonly Check[] {
  if (!registry) return []
  const own = cluster.nodes.find(({ id }) => id === cluster.here)?.name ?? 'the manager'
  // 401 and 403: it is there, and wants a login, which the engine has.
  if (/^(200|401|403)$/.test(registry.answer)) return [ok('registry', `${registry.name} answers ${own}`)]
  return [
    bad(
      'fail',
      'registry',
      `${registry.name} does not answer ${own}: ${registry.answer}`,
      'Check that the registry runs, and that each node reaches it.',
    ),
  ]
}
