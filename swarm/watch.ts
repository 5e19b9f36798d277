/** The lines of `watch`: what changed since the last look. Pure. */
import { pluralize } from '../slots/format.ts'
import { type SwarmStatus, verdict } from './status.ts'

export interface WatchLine {
  /** The slot or the node that it is about; '' for all of them. */
  readonly of: string
  readonly text: string
  readonly data: object
}

/** All slots and nodes in the first look; later those that changed. Then whether all routers agree. */
export function watchLines(now: SwarmStatus, before: SwarmStatus | undefined): readonly WatchLine[] {
  const known = new Set(before ? linesOf(before).map(signature) : [])
  return linesOf(now).filter(line => !known.has(signature(line)))
}

const signature = ({ of, text }: WatchLine) => `${of} ${text}`

function linesOf(status: SwarmStatus): readonly WatchLine[] {
  return [
    ...status.slots.map(slot => ({ of: slot.slot, text: slotText(slot), data: slot })),
    ...status.nodes.map(node => ({ of: node.node, text: nodeText(node), data: node })),
    { of: '', text: verdict(status), data: { agreed: status.agreed, live: status.live, moving: status.moving } },
  ]
}

const slotText = ({ live, release, running, replicas, tasks }: SwarmStatus['slots'][number]): string =>
  [
    live ? 'live' : 'idle',
    release ?? 'no release',
    `${running} of ${replicas} tasks`,
    tasks
      .map(({ node, state }) => (state === 'running' ? node : `${node || '?'} ${state}`))
      .sort()
      .join(' '),
  ]
    .filter(Boolean)
    .join('  ')

const nodeText = ({ role, state, route, router, reaches }: SwarmStatus['nodes'][number]): string =>
  [
    role,
    state,
    router === 'answers' ? (route ? `routes to ${route.slot}` : 'routes to no slot') : `router ${router}`,
    ...(reaches === null ? [] : [`reaches ${pluralize(reaches, 'task')}`]),
  ].join('  ')
