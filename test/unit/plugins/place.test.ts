import { describe, expect, it } from 'vitest'
import { caddy, haproxy, nginx, ssh } from '../../../index.ts'
import type { Plugin, Router, Slot } from '../../../slots/contracts.ts'
import { BALANCER, onMachine } from '../../../slots/place.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const site = 'life.example'
const lb = { on: ssh('deploy@lb-1'), upstream: '10.0.0.5' }
const FACTS = { user: 'deploy', group: 'deploy' }
const each: [string, (options: object) => Plugin<Router>][] = [
  ['nginx()', options => nginx({ site, ...options })],
  ['nginx() by reload', options => nginx({ site, mode: 'reload', ...options })],
  ['nginx() with a canary', options => nginx({ site, canary: true, ...options })],
  ['haproxy()', options => haproxy({ site, ...options })],
  ['haproxy() with a canary', options => haproxy({ site, canary: true, ...options })],
  ['caddy()', options => caddy({ site, ...options })],
  ['caddy() with a canary', options => caddy({ site, canary: true, ...options })],
]
const slotsAt = (address?: string): Slot[] => [
  { name: 'blue', port: 4000, env: {}, ...(address && { address }) },
  { name: 'green', port: 5000, env: {}, ...(address && { address }) },
]
const CANARY = { slot: 'green', percent: 5, sticky: true, by: 'me', since: '2026-11-26' }
const routerOf = (plugin: Plugin<Router>, address?: string) =>
  plugin.create(pluginKit({ slots: slotsAt(address), host: address ? 'lb-1' : 'web-1' }))
const textOf = (router: Router) =>
  router
    .provision(FACTS)
    .files.map(({ text }) => text)
    .join('')
const queriesOf = (router: Router) => [
  router.live(),
  router.answer(),
  router.fetch('/'),
  router.check('/health'),
  router.promote({ name: 'blue', port: 4000, env: {} }, 'g1'),
  router.restore({ slot: 'blue', generation: 'g1' }),
  router.verify({ slot: 'blue', generation: 'g1' }, { answers: 1, within: 1 }),
  router.conflicts?.(),
  router.maintenance?.(),
  router.beginMaintenance?.({ by: 'me', since: '2026-11-26', message: 'm', allow: [], retryAfter: 1 }),
  router.endMaintenance?.(),
  router.outside?.('/'),
  router.canary?.(),
  router.beginCanary?.(CANARY, { slot: 'blue', generation: 'g1' }),
  router.endCanary?.(),
  router.served?.(),
  router.reloaded?.(),
]

describe.each(each)('%s on a host of its own', (name, make) => {
  it('sends the requests to the address of the slots, and one without `on` to loopback', () => {
    const apart = textOf(routerOf(make(lb), '10.0.0.5'))
    expect(apart).toMatch(/10\.0\.0\.5:(?:4000|\$switchyard_port)/)
    expect(apart).not.toMatch(/127\.0\.0\.1:(?:4000|\$switchyard_port)/)
    expect(textOf(routerOf(make(lb), 'fd00::5'))).toMatch(/\[fd00::5\]:(?:4000|\$switchyard_port)/)
    const here = textOf(routerOf(make({})))
    expect(here).toMatch(/127\.0\.0\.1:(?:4000|\$switchyard_port)/)
    // The address, and what an nginx file says about it, are the only differences.
    expect(apart.replaceAll('10.0.0.5', '127.0.0.1').replace('the one machine 127.0.0.1', 'this machine')).toBe(here)
  })

  it("has the scripts of one on the application's host, which all run on the balancer", () => {
    const own = routerOf(make({}))
    const router = onMachine(routerOf(make(lb)), BALANCER)
    const queries = queriesOf(router)
    expect(queries.map(query => query?.script.machine)).toEqual(queries.map(query => query && 'balancer'))
    expect(queries.map(query => query?.script.text)).toEqual(queriesOf(own).map(query => query?.script.text))
    expect(queriesOf(own).map(query => query?.script.machine)).toEqual(queries.map(() => undefined))
    expect(router.curl?.('/')).toEqual(own.curl?.('/'))
    expect(router.site).toEqual(own.site)
    expect(router.dropsKeepAlive).toBe(own.dropsKeepAlive)
    expect(router.provision(FACTS)).toEqual(own.provision(FACTS))
  })

  it('tells the slot apart from a router that asks for a password by asking it at its address', () => {
    expect(routerOf(make(lb), '10.0.0.5').check('/').script.text).toContain('"::10.0.0.5:$port"')
    expect(routerOf(make({})).check('/').script.text).toContain('"::127.0.0.1:$port"')
  })

  it('names both options in its settings, and needs both', () => {
    const context = { app: 'life', layout: pluginKit().layout, slots: slotsAt() }
    expect(make(lb).settings?.(context)).toMatchObject({ on: 'deploy@lb-1', upstream: '10.0.0.5' })
    expect(make({}).settings?.(context)).not.toHaveProperty('on')
    expect(make(lb).on).toEqual({ host: lb.on, upstream: '10.0.0.5' })
    expect(make({})).not.toHaveProperty('on')
    const factory = name.split(' ')[0]
    expect(() => make({ on: lb.on })).toThrow(`${factory} needs \`upstream\`, which is missing.`)
    expect(() => make({ upstream: lb.upstream })).toThrow(`${factory} has \`upstream\`, but not \`on\`.`)
    expect(() => make({ ...lb, upstream: 'web-1' })).toThrow(`\`upstream\` of ${factory} cannot be "web-1"`)
    expect(() => make({ ...lb, on: 'lb-1' })).toThrow(`\`on\` of ${factory} cannot be "lb-1"`)
  })
})
