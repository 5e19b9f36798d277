/** What a promote waits for before it judges the slot. */
import { expect, it } from 'vitest'
import type { Cluster } from '../../../swarm/cluster.ts'
import type { StepContext } from '../../../swarm/context.ts'
import { onceReached, readLive } from '../../../swarm/reading.ts'
import { EMPTY } from '../../../swarm/records.ts'
import type { RouterStates } from '../../../swarm/router/control.ts'

const node = (i: number, up: boolean) => ({ name: `n${i}`, up, availability: 'active' })
const clusterWith = (up: boolean) =>
  ({
    nodes: [node(1, true), node(2, up)],
    slots: new Map([['green', { slot: 'green', replicas: 2, tasks: [] }]]),
    router: { tasks: [] },
    records: { ...EMPTY, version: 1, term: 1, live: { slot: 'blue', generation: '1-a' } },
  }) as unknown as Cluster

/** Routers of two nodes, of which the second reaches as many tasks of green in each reading. The last one is repeated. */
function routers(up: boolean, ...reached: number[]) {
  const read: number[] = []
  const states = (): RouterStates => {
    const green = reached[Math.min(read.length, reached.length - 1)] ?? 0
    read.push(green)
    const route = { slot: 'blue', generation: '1-a' }
    return new Map([
      ['n1', { route, term: 1, up: { green: 2 } }],
      ['n2', { route, term: 1, up: { green } }],
    ])
  }
  const lines: string[] = []
  const context = {
    app: 'life',
    host: { name: 'm1' },
    slots: ['blue', 'green'],
    signal: new AbortController().signal,
    log: (line: string) => void lines.push(line),
    cluster: async () => clusterWith(up),
    control: async () => ({ states: async () => states() }),
  } as unknown as StepContext
  return { context, lines, read }
}

it('a router that does not reach all tasks yet is asked again, and the wait is told once', async () => {
  const { context, lines, read } = routers(true, 0, 1, 2)
  const state = await onceReached(context, await readLive(context), 'green')
  expect(state.states.get('n2')?.up).toEqual({ green: 2 })
  expect(read).toEqual([0, 1, 2])
  expect(lines).toEqual(['waiting for the routers: n2 reaches 0 of 2 tasks'])
})

it.each([
  ['all routers reach the slot', true, 2, 'green'],
  ['a node is lost, which does not come back so soon', false, 0, 'green'],
  ['the slot is live', true, 0, 'blue'],
])('nothing is asked again if %s', async (_, up, reached, slot) => {
  const { context, read } = routers(up, reached)
  const first = await readLive(context)
  expect(await onceReached(context, first, slot)).toBe(first)
  expect(read).toHaveLength(1)
})

it('nothing is live before the setup', async () => {
  const { context } = routers(true, 2)
  const before = { ...context, cluster: async () => ({ ...clusterWith(true), router: undefined }) } as StepContext
  await expect(readLive(before)).rejects.toMatchObject({ code: 'SWARM_NOT_SET_UP' })
})
