import { describe, expect, it } from 'vitest'
import { clusterFrom, routerNodes, running } from '../../../swarm/cluster.ts'
import { assertAllAnswer, differing, liveState, mayRouteTo } from '../../../swarm/live.ts'
import { EMPTY, type Records } from '../../../swarm/records.ts'
import { assertAttachable, placedRouters, type RouterState, type RouterStates } from '../../../swarm/router/control.ts'
import { statusOf, swarmTable } from '../../../swarm/status.ts'
import { planSwitch } from '../../../swarm/switch.ts'
import {
  coming,
  failedOf,
  type Progress,
  progressOf,
  unplaced,
  unreached,
  unreachedLive,
} from '../../../swarm/waiting.ts'

const node = (i: number, more: object = {}) => ({
  ID: `id${i}`,
  Spec: { Role: i === 1 ? 'manager' : 'worker', Availability: 'active' },
  Description: { Hostname: `n${i}`, Engine: { EngineVersion: '20.10.24' } },
  Status: { State: 'ready', Addr: `10.77.0.${i}` },
  ...more,
})
const service = (name: string, labels: object, more: object = {}) => ({
  ID: `service-${name}`,
  Spec: {
    Name: name,
    Labels: labels,
    Mode: { Replicated: { Replicas: 2 } },
    TaskTemplate: { ContainerSpec: { Image: 'r/life@sha256:1' } },
  },
  ...more,
})
const task = (of: string, i: number, more: object = {}) => ({
  ID: `${of}${i}`,
  ServiceID: `service-${of}`,
  NodeID: `id${i}`,
  DesiredState: 'running',
  Status: {
    State: 'running',
    Timestamp: `2026-11-26T18:00:0${i}Z`,
    ContainerStatus: { ContainerID: `c${i}`, ExitCode: 0 },
  },
  ...more,
})
const control = (address: string) => ({
  NetworksAttachments: [
    { Network: { Spec: { Name: 'life_net' } }, Addresses: ['10.0.1.9/24'] },
    { Network: { Spec: { Name: 'life_control' } }, Addresses: [`${address}/24`] },
  ],
})
const green = service('life_green', {
  'switchyard.slot': 'green',
  'switchyard.release': '0.2.0-abcdef0',
  'switchyard.version': '0.2.0',
})
const router = service(
  'life_router',
  {},
  {
    Spec: {
      Name: 'life_router',
      Labels: { 'switchyard.router': 'd1' },
      Mode: { Global: {} },
      TaskTemplate: { ContainerSpec: { Image: 'haproxy', Configs: [{ ConfigName: 'life_old' }] } },
    },
  },
)
const records = (labels: object = {}) => [{ Version: { Index: 7 }, Spec: { Name: 'life_records', Labels: labels } }]

const cluster = (nodes: object[], tasks: object[], labels: object = {}) =>
  clusterFrom('life', [
    nodes,
    { Swarm: { NodeID: 'id1' } },
    [green, router],
    tasks,
    records(labels),
    [{ Name: 'life_net', IPAM: { Config: [{ Subnet: '10.0.1.0/24' }] } }],
  ])

const nodes = [node(2), node(1), node(3)]
const tasks = [
  task('life_green', 1),
  task('life_green', 2),
  task('life_router', 1, control('10.0.2.1')),
  task('life_router', 2, control('10.0.2.2')),
]
const state = (slot: string | undefined, up: number) => ({
  route: slot === undefined ? undefined : { slot, generation: '1-a' },
  term: 1,
  up: { blue: 0, green: up },
})
const states = (...all: (RouterState | undefined)[]): RouterStates => new Map(all.map((one, i) => [`n${i + 1}`, one]))
const blue = { slot: 'blue', generation: '1-a' }
const recorded: Records = { ...EMPTY, version: 7, live: blue, term: 1 }

describe('what the engine says', () => {
  it('becomes nodes, slots, routers and records', () => {
    const found = cluster(nodes, tasks, { live: JSON.stringify(blue), term: '1' })
    expect(found.nodes.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3'])
    expect(found.slots.get('green')).toMatchObject({ release: '0.2.0-abcdef0', version: '0.2.0', replicas: 2 })
    expect(running(found.slots.get('green')?.tasks ?? [])).toHaveLength(2)
    expect(found.router).toMatchObject({ spec: 'd1', configs: ['life_old'], updating: false })
    expect(found.records).toMatchObject({ version: 7, term: 1, live: blue })
  })

  it('takes the address of a manager that reports one of no machine from its own', () => {
    const leader = node(1, {
      Status: { State: 'ready', Addr: '0.0.0.0' },
      ManagerStatus: { Leader: true, Addr: '10.77.0.1:2377' },
    })
    expect(cluster([leader], []).nodes[0]).toMatchObject({ address: '10.77.0.1', leader: true })
  })

  it('tells machines with the same host name apart, because none may be left out', () => {
    const clone = node(2, { ID: 'abcdefghij', Description: { Hostname: 'n1' } })
    expect(cluster([node(1), clone, node(3)], []).nodes.map(({ name }) => name)).toEqual(['n1.abcdef', 'n1.id1', 'n3'])
  })

  it('has a router on each node that nobody has taken out, also where none runs', () => {
    const drained = node(2, { Spec: { Availability: 'drain' } })
    const found = cluster([node(1), drained, node(3)], tasks)
    expect(routerNodes(found).map(({ name }) => name)).toEqual(['n1', 'n3'])
    expect(placedRouters(found).map(({ node: { name }, address }) => [name, address])).toEqual([
      ['n1', '10.0.2.1'],
      ['n3', undefined],
    ])
  })
})

it('a manager that an operator has taken out cannot reach the routers', () => {
  const paused = node(1, { Spec: { Role: 'manager', Availability: 'pause' } })
  expect(() => assertAttachable(cluster([paused, node(2)], []))).toThrow(
    expect.objectContaining({ code: 'MANAGER_TAKEN_OUT', message: expect.stringContaining('n1') }),
  )
  assertAttachable(cluster(nodes, []))
})

describe('which slot is live', () => {
  const found = cluster(nodes, tasks)

  it('is what records and routers agree on; a generation of an earlier switch is no difference', () => {
    const old = { route: { slot: 'blue', generation: '0-z' }, term: 0, up: {} }
    expect(liveState(['blue', 'green'], found, recorded, states(state('blue', 2), old, undefined))).toMatchObject({
      live: 'blue',
      idle: 'green',
    })
    expect(differing(states(state('green', 2), state('blue', 2)), blue)).toEqual([['n1', 'green.1-a']])
  })

  it('is not certain if a router has another slot, or a switch did not end', () => {
    expect(() => liveState(['blue', 'green'], found, recorded, states(state('green', 2)))).toThrow(
      expect.objectContaining({ code: 'ROUTES_DIFFER' }),
    )
    const moving = { to: { slot: 'green', generation: '2-b' }, by: 'ann', at: 'now' }
    expect(() => liveState(['blue', 'green'], found, { ...recorded, moving }, states())).toThrow(
      expect.objectContaining({ code: 'SWITCH_UNFINISHED' }),
    )
  })

  it('may still be another one for a router that has it, or that is silent since a switch was begun', () => {
    const all = states(state('blue', 2), state('green', 2), undefined)
    expect(mayRouteTo({ records: { ...recorded, term: 3 }, states: all }, 'green', 1)).toEqual(['n2', 'n3'])
    expect(mayRouteTo({ records: { ...recorded, term: 1 }, states: all }, 'green', 1)).toEqual(['n2'])
  })

  it('cannot change while a node is down or a router silent', () => {
    const lost = cluster([node(1), node(3, { Status: { State: 'down', Addr: '10.77.0.3' } })], tasks)
    expect(() => assertAllAnswer({ cluster: lost, states: states() })).toThrow(
      expect.objectContaining({ code: 'NODE_DOWN', message: expect.stringContaining('n3') }),
    )
    expect(() => assertAllAnswer({ cluster: found, states: states(state('blue', 2), undefined) })).toThrow(
      expect.objectContaining({ code: 'ROUTER_SILENT', message: expect.stringContaining('n2') }),
    )
  })
})

describe('a switch', () => {
  const from = (all: RouterStates, given = cluster(nodes, tasks)) => liveState(['blue', 'green'], given, recorded, all)

  it('is planned to a slot whose tasks all run and are reached by every router, with the next term', () => {
    expect(
      planSwitch(from(states(state('blue', 2), state('blue', 2), state('blue', 2))), 'green', '2026-x'),
    ).toMatchObject({
      to: { slot: 'green', generation: '2-2026-x' },
      from: blue,
    })
    expect(planSwitch(from(states(state('blue', 2))), 'blue', 'x')).toBeUndefined()
  })

  it.each([
    ['a router reaches too few', states(state('blue', 2), state('blue', 1)), tasks, 'n2 reaches 1 of 2 tasks'],
    ['a task does not run', states(state('blue', 2)), tasks.slice(1), '1 of 2 tasks run'],
  ])('is refused if %s', (_, all, given, why) => {
    expect(() => planSwitch(from(all, cluster(nodes, given)), 'green', 'x')).toThrow(
      expect.objectContaining({ code: 'SLOT_NOT_READY', message: expect.stringContaining(why) }),
    )
  })
})

describe('the wait for a slot', () => {
  const slotWith = (...given: object[]) => cluster(nodes, given).slots.get('green') ?? expect.fail('no green')
  const problemOf = (progress: Progress) => (progress.state === 'failing' ? progress.problem('the log') : undefined)
  const bad = (i: number, Status: object) => task('life_green', i, { DesiredState: 'shutdown', Status })

  it('ends when all tasks run', () => {
    expect(progressOf(slotWith(task('life_green', 1), task('life_green', 2)), [])).toEqual({ state: 'running' })
    expect(progressOf(slotWith(task('life_green', 1)), [])).toEqual({ state: 'waiting', running: 1 })
  })

  it('is not given up for tasks that failed before it began', () => {
    const ends = { State: 'failed', Err: 'task: non-zero exit (3)', Timestamp: '' }
    const slot = slotWith(bad(1, ends), bad(2, ends), bad(1, ends))
    const known = new Set(failedOf(slot.tasks).map(({ id }) => id))
    expect(progressOf(slot, [], known)).toMatchObject({ state: 'waiting' })
  })

  it('is given up when tasks end again and again, or when nodes lack the image', () => {
    const ends = { State: 'failed', Err: 'task: non-zero exit (3)', Timestamp: '' }
    expect(progressOf(slotWith(bad(1, ends), bad(2, ends)), [])).toMatchObject({ state: 'waiting' })
    expect(problemOf(progressOf(slotWith(bad(1, ends), bad(2, ends), bad(1, ends)), []))).toMatchObject({
      code: 'TASKS_FAIL',
      detail: 'the log',
    })
    const lacks = { State: 'rejected', Err: 'No such image: r/life', Timestamp: '' }
    const { nodes: known } = cluster(nodes, [])
    const slot = slotWith(bad(1, lacks), bad(2, lacks), bad(1, lacks))
    expect(problemOf(progressOf(slot, known))).toMatchObject({
      code: 'IMAGE_MISSING',
      message: expect.stringContaining('n1 and n2'),
      hint: expect.stringContaining('reach the registry'),
    })
    const sent = { ...slot, image: 'life:0.2.0-abcdef0' }
    expect(problemOf(progressOf(sent, known))?.hint).toContain('npx task deploy')
  })

  it('is given up with what to do about an image for another architecture', () => {
    const ends = { State: 'failed', Err: 'task: non-zero exit (1)', Timestamp: '' }
    const progress = progressOf(slotWith(bad(1, ends), bad(2, ends), bad(1, ends)), [])
    const problem = progress.state === 'failing' && progress.problem('exec /server: exec format error')
    expect(problem).toMatchObject({ code: 'TASKS_FAIL', hint: expect.stringContaining('node.platform.arch') })
  })

  it('tells what the tasks do that do not run yet', () => {
    const at = (i: number, state: string, more = {}) =>
      task('life_green', i, { Status: { State: state, Timestamp: '' }, ...more })
    const slot = slotWith(at(2, 'starting'), at(1, 'preparing'), at(3, 'running'), at(3, 'pending', { NodeID: '' }))
    expect(coming(slot, cluster(nodes, []).nodes)).toEqual(['a task is pending', 'n1 gets the image', 'n2 is starting'])
  })

  it('tells why no node takes a task', () => {
    const pending = task('life_green', 1, {
      NodeID: '',
      Status: { State: 'pending', Err: 'no suitable node (insufficient memory)', Timestamp: '' },
    })
    expect(unplaced(slotWith(pending))).toBe('no suitable node (insufficient memory)')
    expect(unplaced(slotWith(task('life_green', 1)))).toBeUndefined()
  })

  it('does not wait for the router of a node that the manager has lost', () => {
    const lost = cluster([node(1), node(2, { Status: { State: 'down' } })], [])
    expect(unreached(lost, states(state('blue', 2), undefined), 'green', 2)).toEqual([])
    expect(unreached(lost, states(undefined, undefined), 'green', 2)).toEqual(['the router of n1 does not answer'])
  })

  it('counts for the live slot the tasks that run, and no slot is reached before one is live', () => {
    const live = cluster(nodes, tasks.slice(1), { live: JSON.stringify({ slot: 'green', generation: '1-a' }) })
    expect(unreachedLive(live, states(state('green', 1), state('green', 0)))).toEqual(['n2 reaches 0 of 1 tasks'])
    expect(unreachedLive(cluster(nodes, tasks), states(state(undefined, 0)))).toEqual([])
  })
})

describe('the status', () => {
  it('shows slots, tasks, nodes and routes, and who does not agree', () => {
    const found = cluster(nodes, tasks, { live: JSON.stringify(blue), term: '1' })
    const status = statusOf('m1', ['blue', 'green'], found, states(state('blue', 2), state('green', 2), undefined))
    expect(status).toMatchObject({
      live: 'blue',
      agreed: false,
      slots: [
        { slot: 'blue', release: null },
        { slot: 'green', running: 2 },
      ],
    })
    expect(swarmTable(status)).toBe(
      `slot   live  release        tasks   on
blue   live  -              -       -
green        0.2.0-abcdef0  2 of 2  n1 n2

node  role     state  address    router     reaches
n1    manager  ready  10.77.0.1  blue 1-a   0 tasks
n2    worker   ready  10.77.0.2  green 1-a  0 tasks
n3    worker   ready  10.77.0.3  silent     -

The records say blue.1-a. Not so: n2 (green.1-a), n3 (silent).`,
    )
    const bold = (text: string) => `*${text}*`
    const marked = (of: typeof status) => swarmTable(of, undefined, bold).match(/\*[^*]+\*/g)
    expect(marked(status)).toEqual(['*green 1-a*', '*silent*'])
    const short = status.slots.map(slot => ({ ...slot, running: slot.release === null ? 0 : 1 }))
    const drained = status.nodes.map(node => ({ ...node, state: 'drained' as const }))
    expect(marked({ ...status, slots: short, nodes: drained })).toEqual(['*1 of 2*'])
  })
})
