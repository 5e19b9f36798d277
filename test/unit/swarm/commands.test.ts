/** What the commands that only look make of what the engine says. */
import { describe, expect, it } from 'vitest'
import { ssh } from '../../../host/ssh/transport.ts'
import { image } from '../../../plugins/source/image.ts'
import { comparedNote } from '../../../slots/environment/compare.ts'
import { ABSENT, absent } from '../../../swarm/absent.ts'
import { swarmChecks } from '../../../swarm/checks.ts'
import type { Cluster, Node, SlotService, Task } from '../../../swarm/cluster.ts'
import { swarmConfig, swarmConfigTable } from '../../../swarm/config.ts'
import { inOrder, parseLogLine } from '../../../swarm/logs.ts'
import { EMPTY } from '../../../swarm/records.ts'
import { isGone, removalOf, removalText } from '../../../swarm/removal.ts'
import type { RouterState } from '../../../swarm/router/control.ts'
import { type SwarmStatus, statusOf } from '../../../swarm/status.ts'
import { swarm } from '../../../swarm/swarm.ts'
import { compareVariables } from '../../../swarm/variables.ts'
import { watchLines } from '../../../swarm/watch.ts'

const node = (i: number, more: Partial<Node> = {}): Node => ({
  id: `id${i}`,
  name: `n${i}`,
  address: `10.0.0.${i}`,
  manager: true,
  leader: i === 1,
  up: true,
  availability: 'active',
  engine: '20.10.24',
  ...more,
})
const task = (i: number, state = 'running'): Task => ({
  id: `t${i}`,
  service: 's',
  node: `id${i}`,
  state,
  wanted: true,
  container: 'c',
  exitCode: undefined,
  error: undefined,
  control: undefined,
  since: '',
})
const service = (slot: string, tasks: readonly Task[]): SlotService => ({
  id: slot,
  slot,
  release: `0.1.0-${slot}`,
  version: '0.1.0',
  image: 'life',
  replicas: 2,
  tasks,
  by: 'ann',
  revision: '',
})
const live = { slot: 'blue', generation: '1-a' }
const cluster = (nodes: readonly Node[], slots: readonly SlotService[]): Cluster => ({
  here: 'id1',
  nodes,
  slots: new Map(slots.map(one => [one.slot, one])),
  router: { id: 'r', configs: [], spec: 'digest', updating: false, paused: false, tasks: [] },
  migration: undefined,
  records: { ...EMPTY, version: 1, live, term: 1 },
  networks: [{ name: 'life_net', subnet: undefined }],
  configs: ['life_records', 'life_lock'],
})
const route = (slot: string, up = 2): RouterState => ({ route: { slot, generation: '1-a' }, term: 1, up: { blue: up } })
const nodes = [node(1), node(2), node(3)]
const well = cluster(nodes, [service('blue', [task(1), task(2)])])
const states = new Map(nodes.map(({ name }) => [name, route('blue')]))

describe('a command that a swarm does not have', () => {
  it('is refused in one sentence with exit code 2, and says what to do instead', () => {
    for (const name of Object.keys(ABSENT)) {
      const fault = absent(name)
      expect(fault).toMatchObject({ code: 'NOT_OF_A_SWARM', exitCode: 2 })
      expect(fault?.message).toMatch(new RegExp(`^A swarm has no \`${name}\`: [^.]+\\.$`))
      expect(fault?.hint).toMatch(/^[A-Z].*\.$/)
    }
    expect(absent('deploy')).toBeUndefined()
    expect(absent('toString')).toBeUndefined()
  })

  it('is none of those that it has, and no command of a project is forgotten', async () => {
    const options = { app: 'life', manager: ssh('m1'), image: image(), port: 4000, router: { port: 80 } }
    const { tasks } = swarm({ ...options, slots: { blue: {}, green: {} } })
    const { readdirSync } = await import('node:fs')
    const files = readdirSync(new URL('../../../tasks/commands', import.meta.url)).map(file => file.replace('.ts', ''))
    const kebab = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    const has = Object.keys(tasks).map(kebab)
    expect(Object.keys(ABSENT).filter(name => has.includes(name))).toEqual([])
    expect(files.filter(name => !has.includes(name) && !absent(name))).toEqual([])
  })
})

describe('logs', () => {
  it('have the slot, the task and its node, in the order of time', () => {
    const lines = [
      'green 2026-11-26T20:00:02.000000001Z life_green.2.x1y2z3@n2    | two | bars',
      'blue 2026-11-26T20:00:01.500000000Z life_blue.1.a1b2c3@n1    | one',
      'blue 2026-11-26T20:00:03.000000000Z life_blue.1.a1b2c3@n1    | ',
    ].map(parseLogLine)
    expect(inOrder(lines, 2)).toEqual([
      { slot: 'green', at: '2026-11-26T20:00:02.000000001Z', task: '2@n2', text: 'two | bars' },
      { slot: 'blue', at: '2026-11-26T20:00:03.000000000Z', task: '1@n1', text: '' },
    ])
    expect(inOrder(lines, undefined).map(({ text }) => text)).toEqual(['one', 'two | bars', ''])
    expect(inOrder(lines, 0)).toEqual([])
    const odd = 'blue error from daemon in stream: Error grabbing logs'
    expect(parseLogLine(odd)).toEqual({ slot: 'blue', at: '', task: '', text: odd.slice(5) })
  })
})

describe('watch', () => {
  const status = (of: Cluster, all = states): SwarmStatus => statusOf('m1', ['blue', 'green'], of, all)

  it('shows all at first, then what changed', () => {
    const before = status(well)
    expect(watchLines(before, undefined).map(({ of }) => of)).toEqual(['blue', 'green', 'n1', 'n2', 'n3', ''])
    expect(watchLines(status(well), before)).toEqual([])
    const after = status(
      cluster([node(1), node(2), node(3, { up: false })], [service('blue', [task(1), task(2, 'starting')])]),
      new Map([...states, ['n1', route('blue', 1)], ['n3', undefined as never]]),
    )
    const changed = watchLines(after, before).map(({ of, text }) => [of, text])
    expect(changed).toEqual([
      ['blue', 'live  0.1.0-blue  1 of 2 tasks  n1 n2 starting'],
      ['n1', 'leader  ready  routes to blue  reaches 1 task'],
      ['n3', 'manager  down  router silent'],
      ['', expect.stringContaining('n3 (down)')],
    ])
  })
})

describe('env-diff', () => {
  it('compares by name', () => {
    const there = { A: '1', B: '2', OLD: 'x' }
    const compared = compareVariables('blue', { A: '1', B: '3', NEW: 'y' }, there)
    expect(compared.variables).toEqual([
      { name: 'A', change: 'same' },
      { name: 'B', change: 'changed' },
      { name: 'NEW', change: 'new' },
      { name: 'OLD', change: 'removed' },
    ])
    expect(comparedNote([compared, compareVariables('green', {}, undefined)])).toBe('blue differs')
  })
})

describe('doctor', () => {
  const failing = (of: Cluster, more: object = {}) =>
    swarmChecks({ cluster: of, states, planned: 'digest', registry: undefined, ...more }).filter(
      ({ result }) => result !== 'ok',
    )

  it('finds nothing in a swarm that is well', () => {
    expect(failing(well, { registry: { name: 'registry:5000', answer: '401' } })).toEqual([])
  })

  it.each([
    ['one manager', cluster([node(1), node(2, { manager: false })], []), {}, ['managers warn']],
    ['an even number of managers', cluster([...nodes, node(4)], []), {}, ['managers warn']],
    [
      'a node that is lost',
      cluster([node(1), node(2), node(3, { manager: false, up: false }), node(4)], []),
      {},
      ['nodes fail'],
    ],
    [
      'a manager that was taken out',
      cluster([node(1, { availability: 'drain' }), node(2), node(3)], []),
      {},
      ['manager fail'],
    ],
    ['another router in the Taskfile', well, { planned: 'other' }, ['setup warn']],
    ['no setup', well, { states: undefined }, ['setup warn']],
    ['a router on another slot', well, { states: new Map([['n1', route('green')]]) }, ['live fail']],
    ['a silent router', well, { states: new Map([['n1', undefined]]) }, ['routers fail']],
    ['a router that reaches too few tasks', well, { states: new Map([['n1', route('blue', 1)]]) }, ['reach fail']],
    ['a task of the live slot that is missing', cluster(nodes, [service('blue', [task(1)])]), {}, ['blue fail']],
    ['a task of the idle slot that is missing', cluster(nodes, [service('green', [task(1)])]), {}, ['green warn']],
    [
      'a registry that is down',
      well,
      { registry: { name: 'r:5000', answer: 'Connection refused' } },
      ['registry fail'],
    ],
  ] as const)('tells of %s', (_, of, more, expected) => {
    expect(failing(of, more).map(({ name, result }) => `${name} ${result}`)).toEqual(expected)
  })
})

describe('remove', () => {
  it('names the services first, and what stays on the nodes', () => {
    const removal = removalOf('life', well)
    expect(removal).toMatchObject({ live: 'blue', services: ['life_blue', 'life_router'], networks: ['life_net'] })
    expect(removalText(removal)).toContain('Stays on each node: the volume life_route and images.')
    const { router: _, ...rest } = well
    expect(isGone(removalOf('life', { ...rest, router: undefined, slots: new Map(), networks: [], configs: [] }))).toBe(
      true,
    )
  })
})

describe('config', () => {
  it('shows the options with their defaults, and hides what may be secret', async () => {
    const definition = {
      app: 'life',
      manager: [ssh('deploy@m1'), ssh('deploy@m2')],
      image: { name: 'registry:5000/life:1', version: '1' },
      port: 4000,
      router: { port: 80 },
      slots: { blue: {}, green: { env: { API_TOKEN: 'abc' } } },
    }
    const found = await swarmConfig(
      {
        definition,
        health: { path: '/health' },
        probe: undefined,
        slots: ['blue', 'green'],
        replicas: 2,
        routerImage: 'haproxy:3.0',
      },
      [],
    )
    expect(found).toMatchObject({ registry: null, probe: false, tasks: { replicas: 2, port: 4000 } })
    const text = swarmConfigTable(found)
    expect(text).toMatch(/deploy@m1[\s\S]*deploy@m2/)
    expect(text).not.toContain('abc')
    expect(text).toMatch(/API_TOKEN +\(hidden\)/)
  })
})
