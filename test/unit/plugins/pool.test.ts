import { describe, expect, it } from 'vitest'
import { caddy, haproxy, nginx, ssh } from '../../../index.ts'
import type { Plugin, Router, Slot } from '../../../slots/contracts.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const POOL = ['10.0.0.5', 'fd00::6']
const balancer = { site: 'life.example', on: ssh('deploy@lb-1'), upstream: POOL }
const slots: Slot[] = ['blue', 'green'].map((name, i) => ({
  name,
  port: 4000 + i,
  env: {},
  address: '10.0.0.5',
  pool: POOL,
}))
const textOf = (plugin: Plugin<Router>) =>
  plugin
    .create(pluginKit({ slots, host: 'lb-1' }))
    .provision({ user: 'deploy', group: 'deploy' })
    .files.map(({ text }) => text)
    .join('')
/** The parts of a text that begin with a line that has this beginning. */
const partsOf = (text: string, beginning: string) => text.split(new RegExp(`^\\s*(?=${beginning})`, 'm')).slice(1)

it.each([nginx, haproxy, caddy])('%o takes the addresses of several hosts, and names them', factory => {
  const plugin = factory(balancer)
  expect(plugin.on).toEqual({ host: balancer.on, upstream: '10.0.0.5', pool: POOL })
  expect(plugin.settings?.({ app: 'life', layout: pluginKit().layout, slots })).toMatchObject({
    upstream: '10.0.0.5, fd00::6',
  })
  expect(() => factory({ ...balancer, upstream: ['10.0.0.5', 'web-2'] })).toThrow(/`upstream` of \w+\(\) cannot be/)
})

describe('HAProxy', () => {
  const text = textOf(haproxy({ ...balancer, canary: true, preview: 'next.life.example' }))

  it('chooses a slot by its rules, and balances over the hosts of each behind a socket of its own', () => {
    for (const backend of partsOf(text, 'backend switchyard-')) {
      expect(backend).toContain('    server blue abns@switchyard-life-blue\n')
      expect(backend).toContain('    server green abns@switchyard-life-green\n')
    }
    const pools = partsOf(text, 'listen switchyard_pool-')
    expect(pools).toHaveLength(2)
    expect(pools[1]).toContain('bind abns@switchyard-life-green\n')
    expect(pools[1]).toMatch(/ server green-1 10\.0\.0\.5:4001 check .*\n +server green-2 \[fd00::6\]:4001 check /)
    expect(pools[1]).not.toContain(':4000')
  })

  it('sends a request again whose connection ended without an answer, if it only reads, and notices a host that is gone', () => {
    const pools = partsOf(text, 'listen switchyard_pool-')
    expect(pools).toHaveLength(2)
    for (const pool of pools) {
      expect(pool).toContain('    retry-on conn-failure empty-response\n')
      expect(pool).toContain('    http-request disable-l7-retry unless { method GET HEAD OPTIONS }\n')
      expect(pool).toContain('    option srvtcpka\n')
    }
  })

  it('goes on with hosts that the checks have not seen yet, and lets no `Host` header choose a pool', () => {
    expect(text).toContain('    option allbackups\n')
    expect(text).toContain('    server blue-2-unchecked [fd00::6]:4000 backup\n')
    expect(text).not.toMatch(/^(?:backend|listen) switchyard-(?!(?:next\.)?life\.example$)/m)
  })
})

it('nginx tries another host of the pool, wherever it sends a request', () => {
  const text = textOf(nginx({ ...balancer, canary: true, preview: 'next.life.example' }))
  const upstreams = [...text.matchAll(/proxy_pass http:\/\/([^/;]*)/g)].map(([, upstream]) => upstream)
  expect(upstreams.length).toBeGreaterThan(1)
  for (const upstream of upstreams) expect(upstream).toMatch(/^switchyard_life_/)
  expect(text.match(/proxy_next_upstream error timeout;/g)).toHaveLength(upstreams.length)
})

it('HAProxy asks the other slot for an asset, and no other host of the same one', () => {
  const text = textOf(haproxy({ ...balancer, assets: { path: '/assets/' } }))
  const [backend = ''] = partsOf(text, 'backend switchyard-')
  expect(backend).toContain('retry-on')
  // The hosts of a slot are behind one server of this backend.
  expect([...backend.matchAll(/^ +server (\w+) /gm)].map(([, name]) => name)).toEqual(['blue', 'green'])
})

describe('Caddy', () => {
  const text = textOf(caddy({ ...balancer, canary: true, preview: 'next.life.example' }))
  const proxies = partsOf(text, 'reverse_proxy ')

  it('has a group of fixed addresses for each slot, wherever a request can go to either', () => {
    expect(proxies).toHaveLength(8)
    for (const proxy of proxies) {
      const [, slot = ''] = /^reverse_proxy @switchyard_\w+_is_(\w+) /.exec(proxy) ?? []
      const port = slot === 'blue' ? 4000 : 4001
      expect(proxy).toContain(`_is_${slot} 10.0.0.5:${port} [fd00::6]:${port} {\n`)
      expect(proxy).toContain('fail_duration 2s\n')
      expect(proxy).toContain('dial_timeout 2s\n')
    }
  })

  it('follows the placeholder that each place knows the slot by', () => {
    const matchers = [...text.matchAll(/@(switchyard_\w+_is_green) vars (\S+) green\n/g)].map(([, , at]) => at)
    expect(matchers).toEqual(['{switchyard_idle}', '{switchyard_other}', '{vars.switchyard_live}', '{switchyard_slot}'])
  })

  it('asks all hosts of the live slot for an asset, then all of the other slot', () => {
    const assets = textOf(caddy({ ...balancer, assets: { path: '/assets/' } }))
    const hosts = (port: number) => `10.0.0.5:${port} [fd00::6]:${port}`
    const asked = [...assets.matchAll(/reverse_proxy ((?:10|\[).*) \{/g)].map(([, addresses]) => addresses)
    expect(asked).toEqual([hosts(4000), `${hosts(4001)} ${hosts(4000)}`, hosts(4001), `${hosts(4000)} ${hosts(4001)}`])
  })

  it('sends requests to the one address of a host without others', () => {
    const alone = caddy({ ...balancer, upstream: '10.0.0.5' })
      .create(pluginKit({ slots: slots.map(({ pool: _, ...slot }) => slot) }))
      .provision({ user: 'deploy', group: 'deploy' })
    expect(alone.files[0]?.text).toContain('reverse_proxy {switchyard_upstream} {\n')
    expect(alone.files[0]?.text).not.toContain('lb_policy')
  })
})
