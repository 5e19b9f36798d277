/** Whether the traffic goes back and which fault is reported, with fake slots and a fake router. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { hostFaults } from '../../../host/faults.ts'
import { capture } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { routerFaults } from '../../../plugins/router/faults.ts'
import { fleetRun } from '../../../runner/engine/fleet.ts'
import type { Router, Runtime, Slot } from '../../../slots/contracts.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { evaluateSwitch, reasonToKeepRunning, reasonToStay } from '../../../slots/promote/evaluate-switch.ts'
import type { Measured } from '../../../slots/promote/measured.ts'
import { probingOf } from '../../../slots/promote/probe-setting.ts'
import { parseStatuses, requestSlots } from '../../../slots/promote/serving.ts'
import { type TrafficSwitch, Unverified } from '../../../slots/promote/switch.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { oneHost } from '../../support/plugin-kit.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const [blue, green] = [slots.get('blue'), slots.get('green')]
const probing = probingOf({}, '/health')
const began = performance.now() - 2_000

interface World {
  /** How many of five requests each slot fails; undefined if the host cannot be reached. */
  readonly blue?: number
  readonly green?: number
  readonly router?: string | undefined
  readonly state?: 'running' | 'stopped'
  /** Whether a process of it serves requests. */
  readonly serves?: boolean
  /** Seconds since the router was reloaded. */
  readonly reloaded?: number
  /** Whether the site reports the new slot. */
  readonly verified?: boolean
}

const cut = () => hostFaults.CONNECTION_LOST({ host: 'web-1', during: 'a test', reason: 'the line is cut' })
const unreadable = () => routerFaults.ROUTE_UNREADABLE({ host: 'web-1', why: 'nobody knows' })

/** Green has just received the traffic, unless `router` says otherwise. */
function world({
  blue: ill,
  green: itself,
  state = 'running',
  serves = true,
  reloaded,
  verified = true,
  ...more
}: World) {
  const answers = (position: number, failed: number) =>
    Array.from({ length: 5 }, (_, i) => `${position} ${i < failed ? 502 : 200}`)
  const router = 'router' in more ? more.router : 'green'
  return {
    fleet: oneHost(),
    slots,
    probe: probing,
    health: healthOf(),
    host: fakeHost(({ text }) => {
      if (text === 'state') return state
      if (text === 'verify' || text === 'reloaded') return ''
      if (text === 'router') {
        if (router === 'unreadable') throw unreadable()
        return router ?? ''
      }
      if (ill === undefined || itself === undefined) throw cut()
      return [...answers(0, itself), ...answers(1, ill)].join('\n')
    }),
    router: {
      live: () => capture(sh.read`router`, slot => ({ slot: slot || undefined, generation: 'g' })),
      reloaded: () => capture(sh.read`reloaded`, () => reloaded),
      verify: () => capture(sh.read`verify`, () => ({ verified, asked: 5, last: {}, answer: ANSWER })),
    } as unknown as Router,
    runtime: { serves, process: () => capture(sh.read`state`, state => ({ state })) } as unknown as Runtime,
  }
}
const ANSWER = { status: 200, body: '{"version":"1.2.0"}' }
const record = { release: { version: '1.2.0' } }
const switchFrom = (from: Slot | undefined = blue, more: Partial<TrafficSwitch<string>> = {}) =>
  ({ from, to: green, record, attempted: true, ...more }) as unknown as TrafficSwitch<string>
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
  evaluateSwitch(world(seen), switchFrom(from), { problem, measured, began }, probing)
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
      { problem: undefined, measured: probed([0, 0], [1, 9]), began: 0 },
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

  describe('when connections were closed', () => {
    const HEALTHY = { blue: 0, green: 0 }
    const failed = { 'kept: reset': 1, 'fresh: reset': 1, 'route: empty answer': 1 }
    const dropped: Measured = { ...probed([0, 20], [3, 40]), failed }

    it('counts nothing against the release after a reload by somebody else, and proves it again', async () => {
      const { problem, stays, excused } = await evaluated({ ...HEALTHY, reloaded: 1 }, dropped)
      expect([problem, stays]).toEqual([undefined, undefined])
      expect(excused).toMatch(
        /^Somebody reloaded the router meanwhile, .* their 3 failed requests do not count\. green was/,
      )
    })

    it.each([
      ['nobody reloaded the router', {}, dropped, 'ROUTE_FAILED', false],
      ['it was reloaded long before', { reloaded: 60 }, dropped, 'ROUTE_FAILED', false],
      [
        'other requests failed too, and the error names the reload',
        { reloaded: 0 },
        { ...dropped, failures: 4, failed: { ...failed, 'fresh: 502': 1 } },
        'ROUTE_FAILED',
        true,
      ],
      [
        'the site is another one since the reload',
        { reloaded: 0, verified: false },
        dropped,
        'PROMOTE_UNVERIFIED',
        false,
      ],
    ] as const)('goes back if %s', async (_, seen, measured, code, named) => {
      const { problem } = await evaluated({ ...HEALTHY, ...seen }, measured)
      expect(problem).toMatchObject({ code })
      expect(String(problem).includes('Somebody reloaded the router meanwhile.')).toBe(named)
    })
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

describe('the hosts of a fleet', () => {
  /** Runs `work` on each of them side by side, as a step does. */
  function onEach<T>(worlds: readonly World[], work: (deps: ReturnType<typeof world>, i: number) => Promise<T>) {
    const names = worlds.map((_, i) => `web-${i + 1}`)
    const run = fleetRun(names)
    return Promise.all(
      worlds.map(async (seen, i) => {
        const host = names[i] ?? ''
        const result = await work({ ...world(seen), fleet: run.on(host) }, i).catch((error: unknown) => error)
        run.ended(host, result instanceof Error)
        return result
      }),
    )
  }
  const DEAD = { blue: 5, green: 0 }
  const WELL = { blue: 0, green: 0 }
  const ILL = { blue: 0, green: 5 }

  it.each([
    [
      'all stay if the old slots fail more in all, although one of them works',
      [DEAD, DEAD, WELL],
      'blue failed 10 of 15 requests, so the traffic stays on green',
    ],
    ['all go back if the new slots fail as much, although one old slot is dead', [DEAD, ILL, WELL], undefined],
    ['all go back if one of them cannot be asked', [DEAD, DEAD, {}], undefined],
    ['all go back if the router of one has not switched', [DEAD, DEAD, { ...DEAD, router: 'blue' }], undefined],
    [
      'leave it to those that serve requests',
      [DEAD, { blue: 5, green: 5, serves: false }],
      'blue failed 5 of 5 requests, so the traffic stays on green',
    ],
  ] as const)('decide together after a run that failed later: %s', async (_, worlds, reason) => {
    const completed = switchFrom(blue, { completed: true })
    expect(await onEach(worlds, deps => reasonToStay(deps, completed, probing))).toEqual(worlds.map(() => reason))
  })

  it.each([
    ['has not completed its switch', { completed: false }],
    ['has not begun its switch', { completed: false, attempted: false }],
  ])('go back without being asked if one of them %s', async (_, last) => {
    const asked = { ...DEAD, router: 'unreadable' }
    const reasons = await onEach([DEAD, asked], (deps, i) =>
      reasonToStay(deps, switchFrom(blue, { completed: true, ...(i === 1 && last) }), probing),
    )
    expect(reasons).toEqual([undefined, undefined])
  })

  it('stay if each has completed its switch or was evaluated to stay', async () => {
    const stays = 'blue failed 5 of 5 requests, so the traffic stays on green'
    const of = (i: number) => switchFrom(blue, i === 0 ? { completed: true } : { stays })
    expect(await onEach([{}, {}], (deps, i) => reasonToStay(deps, of(i), probing))).toEqual([stays, stays])
    const third = (i: number) => (i === 2 ? switchFrom(blue, { attempted: false }) : of(i))
    expect(await onEach([{}, {}, {}], (deps, i) => reasonToStay(deps, third(i), probing))).toEqual(
      Array(3).fill(undefined),
    )
  })

  it('all stay or all go back after probes that failed on one of them', async () => {
    const FAILED = probed([0, 3], [9, 9])
    const PASSED = probed([0, 9], [0, 9])
    const evaluatedAfterProbes = (worlds: readonly World[]) =>
      onEach(worlds, (deps, i) =>
        evaluateSwitch(deps, switchFrom(), { problem: undefined, measured: i === 0 ? FAILED : PASSED, began }, probing),
      )
    expect(await evaluatedAfterProbes([ILL, DEAD])).toMatchObject([
      { problem: { code: 'PROBES_FAILED' }, stays: undefined },
      { problem: undefined, stays: undefined },
    ])
    const stays = expect.stringContaining('the traffic stays on green')
    expect(await evaluatedAfterProbes([DEAD, DEAD, DEAD, DEAD])).toMatchObject(
      Array(4).fill({ problem: undefined, stays }),
    )
  })

  it('report what they found themselves if the switch is lost on another one', async () => {
    const outcomes = await onEach([ILL, WELL, WELL], async (deps, i) => {
      if (i === 2) throw new Error('lost')
      return evaluateSwitch(
        deps,
        switchFrom(),
        { problem: undefined, measured: probed([0, 3], [i === 0 ? 9 : 0, 9]), began },
        probing,
      )
    })
    expect(outcomes).toMatchObject([
      { problem: { code: 'PROBES_FAILED' }, stays: undefined },
      { problem: undefined, stays: undefined },
      { message: 'lost' },
    ])
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
