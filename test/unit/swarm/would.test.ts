/** What a dry run of a swarm says in sentences. */
import { describe, expect, it } from 'vitest'
import { image } from '../../../plugins/source/image.ts'
import { wouldText } from '../../../slots/setup/sentences.ts'
import type { Cluster, Node, SlotService } from '../../../swarm/cluster.ts'
import { EMPTY } from '../../../swarm/records.ts'
import { deploySentences, setupSentences } from '../../../swarm/would.ts'

const node = (i: number, more: Partial<Node> = {}): Node => ({
  id: `id${i}`,
  name: `n${i}`,
  address: `10.0.0.${i}`,
  manager: i === 1,
  leader: i === 1,
  up: true,
  availability: 'active',
  engine: '20.10.24',
  ...more,
})
const green: SlotService = {
  id: 'green',
  slot: 'green',
  release: '0.1.0-3fa9c21',
  version: '0.1.0',
  image: 'life',
  replicas: 2,
  tasks: [],
  by: 'ann',
  revision: '',
}
const nodes = [node(1), node(2), node(3)]
const nothing: Cluster = {
  here: 'id1',
  nodes,
  slots: new Map(),
  router: undefined,
  migration: undefined,
  records: undefined,
  networks: [],
  configs: [],
}
const router = { id: 'r', configs: [], spec: 'old', updating: false, paused: false, tasks: [] }
const plan = { digest: 'new', image: 'haproxy:3.0', port: 80 }

describe('a dry run of a setup', () => {
  it('tells what it would create', () => {
    expect(setupSentences({ app: 'life', before: nothing, plan })).toEqual([
      'create the networks life_net and life_control',
      'create life_lock for the lock and life_records for the records',
      'start a router from haproxy:3.0 on port 80 of n1, n2 and n3',
      'wait until each router answers',
    ])
  })

  it('tells that routers would be replaced, not on a node that is lost or was taken out, and what else is missing', () => {
    const before: Cluster = {
      ...nothing,
      nodes: [node(1), node(2, { up: false }), node(3, { availability: 'drain' })],
      router,
      records: { ...EMPTY, version: 1 },
      networks: [{ name: 'life_control', subnet: undefined }],
      configs: ['life_lock'],
    }
    expect(setupSentences({ app: 'life', before, plan })).toEqual([
      'create the network life_net',
      'replace the router of n1 by one from haproxy:3.0 on port 80, one node after the other: each answers nothing for a second or two, or until its WebSockets have ended, at most 30 s',
      'wait until each router answers',
    ])
    const done = {
      ...before,
      router: { ...router, spec: 'new' },
      networks: [...before.networks, { name: 'life_net', subnet: undefined }],
    }
    expect(setupSentences({ app: 'life', before: done, plan })).toEqual([])
    const paused = { ...done, router: { ...done.router, paused: true } }
    expect(setupSentences({ app: 'life', before: paused, plan })).toHaveLength(2)
  })
})

describe('a dry run of a deploy', () => {
  const base = {
    definition: { image: image(), registry: 'registry.lan:5000/life' },
    version: '0.2.0',
    cluster: { ...nothing, slots: new Map([['green', green]]) },
    idle: 'green',
    live: 'blue',
    replicas: 3,
    variables: 12,
    health: { path: '/health', within: 60_000 },
    migrate: true,
    promote: true,
    probes: true,
  }

  it('tells each step of the deploy', () => {
    expect(wouldText('deploy', deploySentences(base))).toBe(`A deploy would:
  1. build 0.2.0, and send n1 the layers that it lacks; n1 pushes the image to registry.lan:5000/life
  2. end the 2 tasks of 0.1.0-3fa9c21 in green
  3. start 3 tasks of 0.2.0 in green, with 12 variables
  4. wait until all of them run and every router gets status 200 from each for /health, at most 60 s, or end them again
  5. run the migrations of the release, in a task of their own
  6. move the traffic from blue to green on n1, n2 and n3 while requests are sent, prove that on each, and take it back if that fails
--verbose adds each command that it would run.`)
  })

  it('tells the first deploy, an image without a registry, one that is published, and one that moves no traffic', () => {
    const first = deploySentences({ ...base, cluster: nothing, live: undefined, migrate: false, probes: false })
    expect(first).toContain('use green, which has no release yet')
    expect(first.at(-1)).toBe(
      'send the traffic to green on n1, n2 and n3, prove that on each, and take it back if that fails',
    )
    const cluster = {
      ...base.cluster,
      nodes: [node(1), node(2, { up: false }), node(3), node(4, { availability: 'drain' })],
    }
    const direct = deploySentences({ ...base, cluster, definition: { image: image() }, promote: false })
    expect(direct[0]).toBe('build 0.2.0, and send n1 and n3 the layers that each lacks')
    expect(direct.at(-1)).toBe('leave the traffic with blue')
    const failed = new Map([['green', { ...green, replicas: 0 }]])
    expect(deploySentences({ ...base, cluster: { ...nothing, slots: failed } })[1]).toBe(
      'replace 0.1.0-3fa9c21 in green, which has no tasks',
    )
    const name = 'registry.lan:5000/life:ci'
    const published = deploySentences({
      ...base,
      definition: { image: { name, version: '0.2.0' } },
      live: undefined,
      promote: false,
    })
    expect(published[0]).toBe(`use ${name}, which a registry has`)
    expect(published.at(-1)).toBe('leave the traffic alone: no slot is live')
  })
})
