/** Whether the traffic goes back and which fault is reported, with fake slots and a fake router. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { hostFaults } from '../../../host/faults.ts'
import { capture } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { routerFaults } from '../../../plugins/router/faults.ts'
import type { Router, Runtime, Slot } from '../../../slots/contracts.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { evaluateSwitch, reasonToKeepRunning, reasonToStay } from '../../../slots/promote/evaluate-switch.ts'
import type { Measured } from '../../../slots/promote/measured.ts'
import { probingOf } from '../../../slots/promote/probe-setting.ts'
import { parseStatuses, requestSlots } from '../../../slots/promote/serving.ts'
import { type TrafficSwitch, Unverified } from '../../../slots/promote/switch.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { fakeHost } from '../../support/fake-host.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const [blue, green] = [slots.get('blue'), slots.get('green')]
const probing = probingOf({}, '/health')

interface World {
  /** How many of five requests each slot fails; undefined if the host cannot be reached. */
  readonly blue?: number
  readonly green?: number
  readonly router?: string | undefined
  readonly state?: 'running' | 'stopped'
}

const cut = () => hostFaults.CONNECTION_LOST({ host: 'web-1', during: 'a test', reason: 'the line is cut' })
const unreadable = () => routerFaults.ROUTE_UNREADABLE({ host: 'web-1', why: 'nobody knows' })

/** Green has just received the traffic, unless `router` says otherwise. */
function world({ blue: ill, green: itself, state = 'running', ...more }: World) {
  const answers = (position: number, failed: number) =>
    Array.from({ length: 5 }, (_, i) => `${position} ${i < failed ? 502 : 200}`)
  const router = 'router' in more ? more.router : 'green'
  return {
    slots,
    probe: probing,
    health: healthOf(),
    host: fakeHost(({ text }) => {
      if (text === 'state') return state
      if (text === 'router') {
        if (router === 'unreadable') throw unreadable()
        return router ?? ''
      }
      if (ill === undefined || itself === undefined) throw cut()
      return [...answers(0, itself), ...answers(1, ill)].join('\n')
    }),
    router: {
      live: () => capture(sh.read`router`, slot => ({ slot: slot || undefined, generation: 'g' })),
    } as unknown as Router,
    runtime: { process: () => capture(sh.read`state`, state => ({ state })) } as unknown as Runtime,
  }
}
const switchFrom = (from: Slot | undefined = blue) => ({ from, to: green }) as unknown as TrafficSwitch<string>
const probed = (before: readonly [number, number], after: readonly [number, number], why = '502'): Measured => ({
  sent: 20,
  failed: after[0] > 0 ? { [`fresh: ${why}`]: after[0] } : {},
  failures: after[0],
  failedBefore: before[0],
  failedBetween: 0,
  before: { failed: before[0], sent: before[1] },
  after: { failed: after[0], sent: after[1] },
  slowest: 1,
  firstNew: 1,
  lastOld: 1,
})
const evaluated = (seen: World, measured: Measured | undefined, problem?: unknown, from?: Slot) =>
  evaluateSwitch(world(seen), switchFrom(from), { problem, measured }, probing)
const outcomeOf = async (outcome: ReturnType<typeof evaluated>) => {
  const { problem, stays } = await outcome
  return [(problem as { code?: string } | undefined)?.code, stays !== undefined]
}

describe('the evaluation of a switch', () => {
  it('sends no requests when all probes after the switch passed, even if earlier ones failed', async () => {
    expect(await evaluated({}, probed([9, 9], [0, 20]))).toEqual({ problem: undefined, stays: undefined })
  })

  it.each([
    [
      'the old slot was healthy and the new one fails',
      { blue: 0, green: 5 },
      probed([0, 3], [9, 9]),
      ['PROBES_FAILED', false],
    ],
    [
      'the old slot was healthy and the new one fails now and then',
      { blue: 0, green: 0 },
      probed([0, 3], [2, 9], '500'),
      ['PROBES_FAILED', false],
    ],
    [
      'the old slot was healthy and the router fails',
      { blue: 0, green: 0 },
      probed([0, 3], [9, 9]),
      ['ROUTE_FAILED', false],
    ],
    ['both slots fail alike', { blue: 5, green: 5 }, probed([3, 3], [9, 9]), ['PROBES_FAILED', false]],
    [
      'the old slot failed and the new one fails more',
      { blue: 1, green: 5 },
      probed([1, 5], [9, 9]),
      ['PROBES_FAILED', false],
    ],
    [
      'the old slot was dead and the new one fails less',
      { blue: 5, green: 2 },
      probed([3, 3], [3, 9]),
      [undefined, true],
    ],
    [
      'the old slot was dead and the router fails for both',
      { blue: 5, green: 0 },
      probed([3, 3], [9, 9]),
      [undefined, true],
    ],
    ['no slot can be reached', {}, probed([3, 3], [9, 9]), ['PROBES_FAILED', false]],
    [
      'the router never switched',
      { blue: 5, green: 0, router: 'blue' },
      probed([3, 3], [9, 9]),
      ['ROUTE_FAILED', false],
    ],
    [
      'the router cannot be read',
      { blue: 5, green: 0, router: 'unreadable' },
      probed([3, 3], [9, 9]),
      ['PROBES_FAILED', false],
    ],
  ] as const)('decides on rollback and fault when %s', async (_, state, measured, expected) => {
    expect(await outcomeOf(evaluated(state, measured))).toEqual(expected)
  })

  it('rolls back to no slot if none was live', async () => {
    const { problem, stays } = await evaluateSwitch(
      world({ blue: 5, green: 2 }),
      { ...switchFrom(), from: undefined },
      { problem: undefined, measured: probed([0, 0], [1, 9]) },
      probing,
    )
    expect([(problem as { code?: string }).code, stays]).toEqual(['PROBES_FAILED', undefined])
  })

  it.each([
    ['the new slot itself answers', { blue: 0, green: 0 }, ['PROMOTE_UNVERIFIED', false]],
    ['the new slot itself fails', { blue: 0, green: 5 }, ['RELEASE_UNVERIFIED', false]],
    ['the old slot is dead', { blue: 5, green: 0 }, ['PROMOTE_UNVERIFIED', true]],
    ['no slot can be reached', {}, ['PROMOTE_UNVERIFIED', false]],
  ] as const)('decides on an unverified switch when %s', async (_, seen, expected) => {
    expect(await outcomeOf(evaluated(seen, undefined, new Unverified('the site still reports blue')))).toEqual(expected)
  })

  it('leaves any other problem unchanged', async () => {
    const cut = new Error('the line is cut')
    expect(await evaluated({ blue: 0, green: 0 }, undefined, cut)).toEqual({ problem: cut, stays: undefined })
    expect(await evaluated({ blue: 5, green: 0 }, undefined, cut)).toMatchObject({
      problem: cut,
      stays: expect.any(String),
    })
  })
})

describe('a run that failed after its switch', () => {
  it.each([
    ['goes back to a slot that works', { blue: 0, green: 0 }, undefined],
    ['goes back to a slot that failed once', { blue: 1, green: 0 }, undefined],
    ['goes back to a slot that fails as much', { blue: 5, green: 5 }, undefined],
    ['goes back when no slot can be reached', {}, undefined],
    [
      'stays when the old slot is dead',
      { blue: 5, green: 0 },
      'blue failed 5 of 5 requests, so the traffic stays on green',
    ],
  ] as const)('%s', async (_, seen, reason) => {
    expect(await reasonToStay(world(seen), switchFrom(), probing)).toBe(reason)
  })
})

describe('an undo that would stop the new slot', () => {
  it.each([
    ['stops it while the live slot works', { blue: 0, green: 0, router: 'blue' }, undefined],
    ['stops it when no slot is live', { blue: 0, green: 0, router: undefined }, undefined],
    ['stops it when the live slot fails as much', { blue: 5, green: 5, router: 'blue' }, undefined],
    [
      'stops it when its process has ended, whoever answers on its port',
      { blue: 5, green: 0, router: 'blue', state: 'stopped' },
      undefined,
    ],
    [
      'keeps it running while the live slot is dead',
      { blue: 5, green: 0, router: 'blue' },
      'blue, which is live, failed 5 of 5 requests',
    ],
    ['keeps it running when it has the traffic', { blue: 0, green: 5, router: 'green' }, 'it has the traffic'],
    [
      'keeps it running when the live slot is unknown',
      { blue: 0, green: 5, router: 'unreadable' },
      'the live slot could not be determined',
    ],
  ] as const)('%s', async (_, seen, reason) => {
    expect(await reasonToKeepRunning(world(seen), green)).toBe(reason)
  })
})

describe('a direct request to a slot', () => {
  it('bypasses router and proxies, sends the name of the site, and never executes a path', async () => {
    const path = `/$(touch pwned)'"`
    const { text, writes } = requestSlots([green, blue], [path], new URL('https://life.example:8443/'))
    expect(writes).toBe(false)
    const { stdout } = await promisify(execFile)('bash', [
      '-euc',
      `curl() { printf '%s ' "$@" >&2; printf 503; }\n${text}`,
    ])
    expect(stdout.trim().split('\n').toSorted()).toEqual([...Array(5).fill('0 503'), ...Array(5).fill('1 503')])
    expect(text).toContain(`'Host: life.example:8443'`)
    expect(text).toContain(`'X-Forwarded-Proto: https'`)
    expect(text.match(/touch pwned/g)).toHaveLength(10)
  })

  it('fails like a probe: on a 5xx or an incomplete response', () => {
    expect(parseStatuses('0 200\n1 000\n0 404\n1 503\n0 500\n', 3)).toEqual([
      { sent: 3, failed: 1 },
      { sent: 2, failed: 2 },
      { sent: 0, failed: 0 },
    ])
  })
})
