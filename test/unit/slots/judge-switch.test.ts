/** Whether the traffic goes back, and who is held to account, with slots and a router that are only told. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { hostFaults } from '../../../host/faults.ts'
import { capture } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { routerFaults } from '../../../plugins/router/faults.ts'
import type { Router, Runtime, Slot } from '../../../slots/contracts.ts'
import { healthOf } from '../../../slots/health/health.ts'
import { judgeSwitch, neededBy, staysNow } from '../../../slots/promote/judge-switch.ts'
import type { Measured } from '../../../slots/promote/measured.ts'
import { probingOf } from '../../../slots/promote/probe.ts'
import { askSlots, parseAsked } from '../../../slots/promote/serving.ts'
import { type TrafficSwitch, Unverified } from '../../../slots/promote/switch.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { fakeHost } from '../../support/fake-host.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const [blue, green] = [slots.get('blue'), slots.get('green')]
const probing = probingOf({}, '/health')

interface World {
  /** How many of five requests each slot fails; a host that cannot be asked is undefined. */
  readonly blue?: number
  readonly green?: number
  readonly router?: string | undefined
  readonly state?: 'running' | 'stopped'
}

const cut = () => hostFaults.CONNECTION_LOST({ host: 'web-1', during: 'a test', reason: 'the line is cut' })
const unreadable = () => routerFaults.ROUTE_UNREADABLE({ host: 'web-1', why: 'nobody knows' })

/** Green has just got the traffic, unless `router` says otherwise. */
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
    runtime: { process: () => capture(sh.read`state`, said => ({ state: said })) } as unknown as Runtime,
  }
}
const move = (from: Slot | undefined = blue) => ({ from, to: green }) as unknown as TrafficSwitch<string>
const saw = (before: readonly [number, number], after: readonly [number, number], why = '502'): Measured => ({
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
const judged = (seen: World, measured: Measured | undefined, problem?: unknown, from?: Slot) =>
  judgeSwitch(world(seen), move(from), { problem, measured }, probing)
const code = async (outcome: ReturnType<typeof judged>) => {
  const { problem, stays } = await outcome
  return [(problem as { code?: string } | undefined)?.code, stays !== undefined]
}

describe('a move that is judged', () => {
  it('asks nobody when all went well, whatever failed before', async () => {
    expect(await judged({}, saw([9, 9], [0, 20]))).toEqual({ problem: undefined, stays: undefined })
  })

  it.each([
    ['live was healthy, the new one fails', { blue: 0, green: 5 }, saw([0, 3], [9, 9]), ['PROBES_FAILED', false]],
    [
      'live was healthy, the new one fails now and then',
      { blue: 0, green: 0 },
      saw([0, 3], [2, 9], '500'),
      ['PROBES_FAILED', false],
    ],
    ['live was healthy, the router is at fault', { blue: 0, green: 0 }, saw([0, 3], [9, 9]), ['ROUTE_FAILED', false]],
    ['both fail alike', { blue: 5, green: 5 }, saw([3, 3], [9, 9]), ['PROBES_FAILED', false]],
    ['live failed, the new one fails more', { blue: 1, green: 5 }, saw([1, 5], [9, 9]), ['PROBES_FAILED', false]],
    ['live was dead, the new one fails less', { blue: 5, green: 2 }, saw([3, 3], [3, 9]), [undefined, true]],
    ['live was dead, the router is at fault for both', { blue: 5, green: 0 }, saw([3, 3], [9, 9]), [undefined, true]],
    ['nobody can be asked', {}, saw([3, 3], [9, 9]), ['PROBES_FAILED', false]],
    ['the router never moved', { blue: 5, green: 0, router: 'blue' }, saw([3, 3], [9, 9]), ['ROUTE_FAILED', false]],
    [
      'the router cannot be read',
      { blue: 5, green: 0, router: 'unreadable' },
      saw([3, 3], [9, 9]),
      ['PROBES_FAILED', false],
    ],
  ] as const)('%s', async (_, seen, measured, expected) => {
    expect(await code(judged(seen, measured))).toEqual(expected)
  })

  it('goes back to no slot where none was live', async () => {
    const { problem, stays } = await judgeSwitch(
      world({ blue: 5, green: 2 }),
      { ...move(), from: undefined },
      { problem: undefined, measured: saw([0, 0], [1, 9]) },
      probing,
    )
    expect([(problem as { code?: string }).code, stays]).toEqual(['PROBES_FAILED', undefined])
  })

  it.each([
    ['the slot itself answers', { blue: 0, green: 0 }, ['PROMOTE_UNVERIFIED', false]],
    ['the slot itself fails', { blue: 0, green: 5 }, ['RELEASE_UNVERIFIED', false]],
    ['the slot before is dead', { blue: 5, green: 0 }, ['PROMOTE_UNVERIFIED', true]],
    ['nobody can be asked', {}, ['PROMOTE_UNVERIFIED', false]],
  ] as const)('whose proof did not come, while %s', async (_, seen, expected) => {
    expect(await code(judged(seen, undefined, new Unverified('the site still says blue')))).toEqual(expected)
  })

  it('keeps any other problem as it is', async () => {
    const cut = new Error('the line is cut')
    expect(await judged({ blue: 0, green: 0 }, undefined, cut)).toEqual({ problem: cut, stays: undefined })
    expect(await judged({ blue: 5, green: 0 }, undefined, cut)).toMatchObject({
      problem: cut,
      stays: expect.any(String),
    })
  })
})

describe('a run that failed after its move', () => {
  it.each([
    ['goes back to a slot that serves', { blue: 0, green: 0 }, undefined],
    ['goes back to a slot that failed once', { blue: 1, green: 0 }, undefined],
    ['goes back to a slot that fails as much', { blue: 5, green: 5 }, undefined],
    ['goes back where nobody can be asked', {}, undefined],
    [
      'stays where the slot before is dead',
      { blue: 5, green: 0 },
      'blue failed 5 of 5 requests, so the traffic stays on green',
    ],
  ] as const)('%s', async (_, seen, words) => {
    expect(await staysNow(world(seen), move(), probing)).toBe(words)
  })
})

describe('a slot that was to be stopped again', () => {
  it.each([
    ['is stopped while the live one serves', { blue: 0, green: 0, router: 'blue' }, undefined],
    ['is stopped where no slot is live', { blue: 0, green: 0, router: undefined }, undefined],
    ['is stopped where the live one fails as much', { blue: 5, green: 5, router: 'blue' }, undefined],
    [
      'is stopped when its process has ended, whoever answers on its port',
      { blue: 5, green: 0, router: 'blue', state: 'stopped' },
      undefined,
    ],
    [
      'runs on while the live one is dead',
      { blue: 5, green: 0, router: 'blue' },
      'blue, which is live, failed 5 of 5 requests',
    ],
    ['runs on when it has the traffic', { blue: 0, green: 5, router: 'green' }, 'it has the traffic'],
    [
      'runs on where nobody knows which is live',
      { blue: 0, green: 5, router: 'unreadable' },
      'it cannot be read which slot is live',
    ],
  ] as const)('%s', async (_, seen, words) => {
    expect(await neededBy(world(seen), green)).toBe(words)
  })
})

describe('what slots are asked themselves', () => {
  it('goes past router and proxies, with the name of the site, and runs nothing that a path holds', async () => {
    const path = `/$(touch pwned)'"`
    const { text, writes } = askSlots([green, blue], [path], new URL('https://life.example:8443/'))
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

  it('is a failure as a probe has it: a 5xx, or no whole answer', () => {
    expect(parseAsked('0 200\n1 000\n0 404\n1 503\n0 500\n', 3)).toEqual([
      { sent: 3, failed: 1 },
      { sent: 2, failed: 2 },
      { sent: 0, failed: 0 },
    ])
  })
})
