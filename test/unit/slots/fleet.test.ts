import { describe, expect, it } from 'vitest'
import { nginx, ssh } from '../../../index.ts'
import { Fault } from '../../../runner/fault.ts'
import type { Fleet, Gathered } from '../../../runner/task.ts'
import { assertSameRelease, liveEverywhere, onFirst } from '../../../slots/fleet/agreement.ts'
import { behind, type LeftOut, leftOutAfter, readLeftOut } from '../../../slots/fleet/left-out.ts'
import { batchesOf, sharesOf } from '../../../slots/fleet/rolling.ts'
import type { Serving } from '../../../slots/fleet/serving.ts'
import { assertWhole, fleetStatus, fleetTable, type HostStatus, withoutStatus } from '../../../slots/fleet/status.ts'
import { layout } from '../../../slots/layout.ts'
import { following } from '../../../slots/place.ts'
import { slotsAt, slotsOf } from '../../../slots/slot.ts'
import type { LiveState } from '../../../slots/state/readings.ts'
import type { Status } from '../../../slots/status/status.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const release = (name: string) => ({
  name,
  sha256: `sha256 of ${name}`,
  version: name,
  dir: `/srv/life/releases/${name}`,
})
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })

type State = Pick<LiveState<string>, 'live' | 'records'>
const state = (slot?: 'blue' | 'green', name = '1.0.0'): State =>
  ({ live: slots.get(slot), records: slot ? [{ slot, release: release(name) }] : [] }) as unknown as State

/** One host of a fleet whose other hosts pass these values. */
const amid = <T>(...others: readonly T[]): Fleet => ({
  hosts: ['web-1', ...others.map((_, i) => `web-${i + 2}`)],
  host: 'web-1',
  first: true,
  limit: undefined,
  gather: async <V>(value: V) =>
    [value, ...(others as unknown as V[])].map((one, i): Gathered<V> => ({ host: `web-${i + 1}`, value: one })),
  batch: () => Promise.reject(new Error('there are no batches')),
})
const serving = (slot?: string, name = '1.0.0'): Serving => ({ slot, release: slot ? release(name) : undefined })

describe('what several hosts serve', () => {
  it('is the slot that all of them serve', async () => {
    expect(await liveEverywhere(amid(serving('blue')), state('blue'))).toBe('blue')
  })

  it('leaves out a host that serves nothing yet', async () => {
    expect(await liveEverywhere(amid(serving('green'), serving()), state())).toBe('green')
    expect(await liveEverywhere(amid(serving()), state())).toBeUndefined()
  })

  it.each([
    ['another slot', serving('green')],
    ['another release in the same slot', serving('blue', '0.9.0')],
  ])('is refused if one of them serves %s', async (_, other) => {
    const fault = await faultOf(liveEverywhere(amid({ ...other, leftOut: [] }), state('blue')))
    expect(fault).toMatchObject({
      code: 'FLEET_SPLIT',
      exitCode: 3,
      hint: expect.stringContaining('task promote blue'),
    })
    expect(fault.message).toMatch(/web-1 blue, 1\.0\.0; web-2 (?:green|blue), /)
  })

  it('refuses a switch to a slot with two contents of one version', async () => {
    const other = { ...release('1.0.0'), sha256: 'another build' }
    expect(await faultOf(assertSameRelease(amid(other), 'green', release('1.0.0')))).toMatchObject({
      code: 'FLEET_RELEASES_DIFFER',
      exitCode: 3,
    })
    await assertSameRelease(amid(release('1.0.0')), 'green', release('1.0.0'))
  })

  it('a question is asked on the first host alone', async () => {
    const second: Fleet = {
      ...amid('yes'),
      first: false,
      gather: async () => [{ host: 'web-1', value: 'yes' }] as never,
    }
    expect(await onFirst(second, () => expect.fail('asked twice'))).toBe('yes')
    expect(await onFirst(amid(), async () => 'answer')).toBe('answer')
  })
})

describe('the status of several hosts', () => {
  const status = (host: string, live: string | null, more: Partial<Status> = {}): Status => ({
    host,
    live,
    generation: null,
    agreed: true,
    readings: { router: live ?? 'no slot', 'public answer': live ?? 'no slot', records: live ?? 'no slot' },
    slots: [
      {
        slot: 'blue',
        live: live === 'blue',
        release: '1.0.0-aaaaaaa',
        state: 'running',
        pid: 7,
        uptime: 60,
        health: 'healthy',
        connections: 0,
      },
    ],
    migration: null,
    ...more,
  })
  const known = (host: string, live: string, name?: string): Gathered<HostStatus> => ({
    host,
    value: { status: status(host, live), serving: serving(live, name) },
  })
  const lost: Gathered<HostStatus> = {
    host: 'web-3',
    value: withoutStatus(new Fault('HOST_UNREACHABLE', 1, 'web-3 does not answer.', 'Check it.')),
  }

  it('is one table, with a sentence that says whether all serve the same', () => {
    const text = fleetTable([known('web-1', 'blue'), known('web-2', 'blue')])
    expect(text).toMatch(/^host +slot +live +release/)
    expect(text).toMatch(/^web-2 +blue +live +1\.0\.0-aaaaaaa +running/m)
    expect(text).toContain('All 2 hosts serve blue, 1.0.0.')
    expect(fleetTable([known('web-1', 'blue'), known('web-2', 'green')])).toContain('do not all serve the same release')
  })

  const since = (host: string, generation: string | null, live = 'blue', release = '1.0.0-aaaaaaa') => {
    const found = status(host, live, { generation })
    const slots = found.slots.map(slot => ({ ...slot, release }))
    return { host, value: { status: { ...found, slots }, serving: serving(live) } }
  }
  const [OLD, NEW] = ['20261122T205541Z-3fa9', '20261122T215541Z-77aa']
  const bold = (text: string) => `*${text}*`

  it('names the generation once if it is the same on all hosts, and in a column if it is not', () => {
    const same = fleetTable([since('web-1', OLD), since('web-2', OLD)], undefined, bold)
    expect(same).toContain(`All 2 hosts serve blue, 1.0.0 (generation ${OLD}).`)
    expect(same).not.toMatch(/generation$|\*/m)
    const other = fleetTable([since('web-1', OLD), since('web-2', NEW), since('web-3', OLD)], undefined, bold)
    expect(other).toMatch(/^host .* generation$/m)
    expect(other).toMatch(new RegExp(`^web-1 .* 0 +${OLD}$`, 'm'))
    expect(other).toMatch(new RegExp(`^web-2 .* 0 +\\*${NEW}\\*$`, 'm'))
    expect(other).toContain('All 3 hosts serve blue, 1.0.0.')
    expect(fleetTable([since('web-1', OLD), since('web-2', null)], undefined, bold)).toMatch(/^web-2 .* \*-\*$/m)
    expect(fleetTable([since('web-1', null), since('web-2', null)])).toContain('All 2 hosts serve blue, 1.0.0.')
  })

  it('has in bold what differs from most hosts, and all values if there is no majority', () => {
    const three = [since('web-1', OLD), since('web-2', OLD), since('web-3', OLD, 'blue', '0.9.0-bbbbbbb')]
    expect(fleetTable(three, undefined, bold).match(/\*[^*]+\*/g)).toEqual(['*0.9.0-bbbbbbb*'])
    expect(fleetTable(three.slice(1), undefined, bold).match(/\*[^*]+\*/g)).toEqual([
      '*1.0.0-aaaaaaa*',
      '*0.9.0-bbbbbbb*',
    ])
  })

  it('shows a host that could not be asked, with the reason, and is not whole then', async () => {
    const all = [known('web-1', 'blue'), lost]
    expect(fleetTable(all)).toMatch(/^web-3 +- +- +unknown/m)
    expect(fleetTable(all)).toContain('web-3: web-3 does not answer.')
    expect(fleetStatus(all)).toMatchObject({
      agreed: false,
      live: null,
      hosts: [{ host: 'web-1' }, { host: 'web-3', problem: { code: 'HOST_UNREACHABLE' } }],
    })
    expect(() => assertWhole(all)).toThrow('1 of 2 hosts could not be queried: web-3. web-3 does not answer.')
  })

  it('tells of a share of the traffic, and how the one of a switch that was cut off ends', () => {
    const canary = { slot: 'green', percent: 33, sticky: false, by: 'anna', since: '2026-11-26', switching: true }
    const value = { status: status('web-1', 'blue', { canary }), serving: serving('blue') }
    expect(fleetTable([{ host: 'web-1', value }, known('web-2', 'blue')])).toContain(
      'web-1: Rolling switch: green gets 33 % of the traffic since 2026-11-26, by anna. If that run was cut off, `npx task repair` ends it.',
    )
  })

  it('is whole if all serve the same release, not just the same slot', () => {
    assertWhole([known('web-1', 'blue'), known('web-2', 'blue')])
    expect(fleetStatus([known('web-1', 'blue'), known('web-2', 'blue')])).toMatchObject({ agreed: true, live: 'blue' })
    expect(() => assertWhole([known('web-1', 'blue'), known('web-2', 'blue', '0.9.0')])).toThrow('do not all serve')
  })

  it('says of a host that was added how it gets a release', async () => {
    const added: Gathered<HostStatus> = { host: 'web-2', value: { status: status('web-2', null), serving: serving() } }
    const fault = await faultOf((async () => assertWhole([known('web-1', 'blue'), added]))())
    expect(fault).toMatchObject({ code: 'FLEET_SPLIT', message: expect.stringMatching(/web-2 no slot/) })
    expect(fault.hint).toMatch(/^Bring a release to web-2 with `npx task deploy`/)
  })

  it('does not hide an error of this program', () => {
    expect(() => withoutStatus(new TypeError('a mistake'))).toThrow('a mistake')
  })

  it('fits a narrow terminal', () => {
    for (const line of fleetTable([known('web-1', 'blue'), lost], 40).split('\n'))
      expect(line.length).toBeLessThanOrEqual(40)
  })
})

it('the slots of a host in a pool listen on its own address, and know those of the others', () => {
  const pool = ['10.0.0.5', '10.0.0.6']
  const there = slotsAt(slots, '10.0.0.6', pool)
  expect(there.all).toMatchObject([
    { name: 'blue', port: 4000, address: '10.0.0.6', pool },
    { name: 'green', port: 5000, address: '10.0.0.6', pool },
  ])
  expect(there.get('green')).toMatchObject({ address: '10.0.0.6' })
  expect(there.other(there.get('blue'))).toMatchObject({ name: 'green', address: '10.0.0.6' })
  expect(() => there.get('red')).toThrow('There is no slot red.')
})

it('on the other hosts of a pool the router reads the route, and neither moves it, proves it nor has a canary', () => {
  const plugin = nginx({
    site: 'life.example',
    canary: true,
    on: ssh('deploy@lb-1'),
    upstream: ['10.0.0.5', '10.0.0.6'],
  })
  const router = plugin.create(pluginKit())
  const other = following(router)
  expect(other.live().script).toEqual(router.live().script)
  const route = { slot: 'blue', generation: 'g1' }
  for (const query of [
    other.promote({ name: 'blue', port: 4000, env: {} }, 'g1'),
    other.restore(route),
    other.verify(route, { answers: 5, within: 1 }),
  ])
    expect(query.script.writes).toBe(false)
  for (const method of ['curl', 'canary', 'beginCanary', 'endCanary', 'served'] as const)
    expect(other[method]).toBeUndefined()
})

describe('a host that was left out', () => {
  const out = (host: string, since = '2026-11-22T20:55:41.123Z'): LeftOut => ({
    host,
    since,
    by: 'ann@desk',
    deploy: 'd',
  })
  const deploy = { id: 'now', by: 'bob@desk', where: 'desk', began: Date.parse('2026-11-26T10:00:00Z') }
  const served = (host: string, slot?: string, name?: string) => ({ host, value: serving(slot, name) })

  it('is remembered since the first run without it, until a run switches it too', () => {
    const first = leftOutAfter([], { hosts: ['web-1'], left: ['web-2'], deploy })
    expect(first).toEqual([{ host: 'web-2', since: '2026-11-26T10:00:00.000Z', by: 'bob@desk', deploy: 'now' }])
    expect(leftOutAfter([out('web-2')], { hosts: ['web-1'], left: ['web-2'], deploy })).toEqual([out('web-2')])
    expect(leftOutAfter([out('web-2'), out('web-3')], { hosts: ['web-1', 'web-2'], left: [], deploy })).toEqual([
      out('web-3'),
    ])
  })

  it('is behind until it serves what the others serve, and while it is not asked', () => {
    const known = [out('web-2'), out('web-2', '2026-11-23T00:00:00.000Z')]
    expect(behind(known, [served('web-1', 'green'), served('web-2', 'blue', '0.9.0')])).toEqual([out('web-2')])
    expect(behind(known, [served('web-1', 'green')])).toEqual([out('web-2')])
    expect(behind(known, [served('web-1', 'green'), served('web-2', 'green')])).toEqual([])
  })

  it('is remembered no more once it was taken out of the Taskfile', async () => {
    const host = fakeHost(() => JSON.stringify([out('web-2'), out('web-3')]))
    const folders = layout('/srv/life')
    expect(await host.query(readLeftOut(folders, ['web-1', 'web-2']))).toEqual([out('web-2')])
    expect(await fakeHost(() => '').query(readLeftOut(folders, ['web-1']))).toEqual([])
  })

  it('is named by the error, with the command that brings it to the others', async () => {
    const read = { ...state('green'), leftOut: [out('web-2')] }
    const fault = await faultOf(liveEverywhere(amid({ ...serving('blue', '0.9.0'), leftOut: [] }), read))
    expect(fault).toMatchObject({
      code: 'FLEET_BEHIND',
      exitCode: 3,
      hint: expect.stringContaining('npx task catch-up web-2'),
    })
    expect(fault.message).toContain(
      'web-2 serves blue, 0.9.0, and the other hosts serve green, 1.0.0: ann@desk left it out',
    )
  })

  it('does not hide that the others do not agree either', async () => {
    const read = { ...state('green'), leftOut: [out('web-3')] }
    const others = [serving('green', '2.0.0'), serving('blue')].map(one => ({ ...one, leftOut: [] }))
    expect(await faultOf(liveEverywhere(amid(...others), read))).toMatchObject({ code: 'FLEET_SPLIT' })
  })

  it('is shown by the status with the command, also where it was not asked', () => {
    const row = (host: string, live: string, name?: string): Gathered<HostStatus> => ({
      host,
      value: {
        status: { host, live, generation: null, agreed: true, readings: {}, slots: [], migration: null },
        serving: serving(live, name),
        leftOut: [out('deploy@web-2')],
      },
    })
    expect(fleetTable([row('web-1', 'green')])).toContain(
      'deploy@web-2 was left out by ann@desk at 2026-11-22 20:55:41Z and has not caught up: npx task catch-up web-2',
    )
    expect(fleetStatus([row('web-1', 'green')])).toMatchObject({ agreed: true, leftOut: [{ host: 'deploy@web-2' }] })
    const caught = [row('web-1', 'green'), row('deploy@web-2', 'green')]
    expect(fleetTable(caught)).not.toContain('left out')
    expect(fleetStatus(caught)).not.toHaveProperty('leftOut')
  })
})

describe('the batches of a rolling switch', () => {
  const hosts = (serving: string, others = '') => [
    ...[...serving].map(host => ({ host, value: true })),
    ...[...others].map(host => ({ host, value: false })),
  ]

  it.each([
    ['one host each without a limit', undefined, hosts('abc'), [['a'], ['b'], ['c']]],
    ['as many as the limit, the last one with what is left', 2, hosts('abc'), [['a', 'b'], ['c']]],
    ['one with a limit of all', 3, hosts('abc'), [['a', 'b', 'c']]],
    ['those that serve no requests after all that do', 2, hosts('abc', 'wxy'), [['a', 'b'], ['c'], ['w', 'x'], ['y']]],
    ['none if no host switches', 1, [], []],
  ] as const)('are %s', (_, limit, switching, batches) => {
    expect(batchesOf(switching, limit)).toEqual(batches)
  })

  it.each([
    [4, undefined, [25, 50, 75]],
    [4, 2, [50]],
    [3, 1, [33, 67]],
    [3, 2, [67]],
    [2, 2, []],
    [1, undefined, []],
    [300, 299, [99]],
  ] as const)('of %i hosts behind a balancer, with a limit of %s, are the shares %j', (hosts, limit, shares) => {
    expect(sharesOf(hosts, limit)).toEqual(shares)
  })
})
