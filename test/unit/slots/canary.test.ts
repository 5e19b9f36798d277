/** A canary: its numbers and bounds, what shows that a router follows them, when it is taken back, and what a failure leaves. */
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { capture, perform } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { type Answers, askScript, parseAnswers, parseRound, tallyOf, watchScript } from '../../../slots/canary/ask.ts'
import {
  assertNoCanary,
  beginShare,
  describeCanary,
  endShare,
  planShare,
  restoreShare,
  shareProblem,
} from '../../../slots/canary/canary.ts'
import { failsMore } from '../../../slots/canary/compare.ts'
import { boundaries, numbersOf, sampleFor, shareBounds } from '../../../slots/canary/share.ts'
import type { Canary, Router } from '../../../slots/contracts.ts'
import { moveInShares } from '../../../slots/fleet/move-in-shares.ts'
import { layout } from '../../../slots/layout.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const percents = Array.from({ length: 99 }, (_, i) => i + 1)

describe('the numbers of a share', () => {
  it('are those below the boundary, so that a share that is raised keeps all that it has', () => {
    expect(percents.map(numbersOf)).toEqual(percents.map(numbersOf).toSorted((a, b) => a - b))
    expect(new Set(percents.map(numbersOf)).size).toBe(99)
    expect(boundaries(5)).toEqual({ canary: ['000', '0cc'], live: ['0cd', 'fff'] })
    expect(boundaries(1)).toEqual({ canary: ['000', '028'], live: ['029', 'fff'] })
    expect(boundaries(99)).toEqual({ canary: ['000', 'fd6'], live: ['fd7', 'fff'] })
  })

  it.each(percents)(
    'of %i percent: a sample misses a slot, and a share its bounds, once in a billion proofs',
    percent => {
      const share = numbersOf(percent) / 4_096
      const sent = sampleFor(percent)
      expect((1 - share) ** sent + share ** sent).toBeLessThanOrEqual(1e-9)
      const { least, most } = shareBounds(sent, percent)
      expect(least).toBeGreaterThanOrEqual(1)
      expect(most).toBeLessThan(sent)
      expect(least).toBeLessThanOrEqual(sent * share)
      expect(most).toBeGreaterThanOrEqual(sent * share)
      // A much different share is noticed.
      if (percent === 50) expect(shareBounds(400, 50)).toEqual({ least: 140, most: 260 })
      if (percent === 5) expect(shareBounds(418, 5)).toEqual({ least: 1, most: 52 })
    },
  )

  it('are within the bounds in each of ten thousand samples of a correct router', () => {
    const { least, most } = shareBounds(400, 20)
    const share = numbersOf(20)
    const sample = () =>
      Array.from({ length: 400 }, () => Math.floor(Math.random() * 4_096) < share).filter(Boolean).length
    for (let i = 0; i < 10_000; i++) {
      const got = sample()
      expect(got >= least && got <= most, String(got)).toBe(true)
    }
  })
})

describe('a canary fails more than the live slot', () => {
  const tally = (sent: number, failed: number) => ({ sent, failed })
  it.each([
    [tally(100, 0), tally(100, 0), false],
    [tally(100, 9), tally(100, 0), false],
    [tally(100, 10), tally(100, 0), true],
    // One failure, and a whole site that fails, are no reason.
    [tally(1, 1), tally(1000, 0), true],
    [tally(10, 10), tally(10, 10), false],
    [tally(100, 12), tally(100, 11), false],
    [tally(0, 0), tally(100, 0), false],
    [tally(100, 0), tally(100, 50), false],
    // What a router has counted.
    [tally(50_000, 200), tally(1_000_000, 1_000), true],
    [tally(50_000, 55), tally(1_000_000, 1_000), false],
    [tally(20_000_000, 21_000), tally(400_000_000, 400_000), true],
  ])('%j, live %j: %s', (canary, live, more) => {
    expect(failsMore(canary, live)).toBe(more)
  })

  it('never because of more requests alone, nor if it fails less', () => {
    fc.assert(
      fc.property(fc.nat(2_000), fc.nat(2_000), fc.nat(50), (canary, live, failed) => {
        expect(failsMore(tally(canary, 0), tally(live, Math.min(live, failed)))).toBe(false)
      }),
    )
  })
})

const wanted: Canary = { slot: 'green', percent: 5, sticky: false, by: 'anna', since: '2026-11-26T10:00:00.000Z' }
const SHARE = { wanted, slot: 'green', live: 'blue' }
const correct: Answers = {
  body: '{"version":"2.0.0"}',
  asked: [
    { number: '000', slot: 'green', status: 200, count: 2 },
    { number: '0cc', slot: 'green', status: 200, count: 2 },
    { number: '0cd', slot: 'blue', status: 200, count: 2 },
    { number: 'fff', slot: 'blue', status: 200, count: 2 },
    { number: 'any', slot: 'green', status: 200, count: 18 },
    { number: 'any', slot: 'green', status: 500, count: 2 },
    { number: 'any', slot: 'blue', status: 200, count: 398 },
  ],
}
const changed = (change: (answer: Answers['asked'][number]) => Partial<Answers['asked'][number]>): Answers => ({
  ...correct,
  asked: correct.asked.map(answer => ({ ...answer, ...change(answer) })),
})

describe('the proof of a share', () => {
  it('accepts the answers of a correct router, and counts failures by slot', () => {
    expect(shareProblem(correct, SHARE)).toBeUndefined()
    expect(tallyOf(correct, 'green')).toEqual({ sent: 24, failed: 2 })
    expect(tallyOf(correct, 'blue')).toEqual({ sent: 402, failed: 0 })
  })

  it.each([
    [
      changed(({ number }) => (number === '0cc' ? { slot: 'blue' } : {})),
      /the number 0cc should go to green, and went to blue/,
    ],
    [
      changed(({ number }) => (number === 'fff' ? { slot: 'green' } : {})),
      /the number fff should go to blue, and went to green/,
    ],
    [
      changed(() => ({ slot: undefined, status: 200 })),
      /the number 000 should go to green, and its answer names no slot/,
    ],
    [
      changed(({ number }) => (number === 'any' ? { slot: 'blue' } : {})),
      /0 of 418 requests went there, instead of 1 to 52/,
    ],
    [changed(({ number }) => (number === 'any' ? { slot: 'green' } : {})), /418 of 418 requests went there/],
    [changed(({ count }) => ({ count: Math.min(count, 100) })), /only 120 requests were answered in time/],
    [
      changed(({ status, number }) => (status === 500 && number === 'any' ? { slot: undefined } : {})),
      /2 of 418 answers name no slot/,
    ],
  ])('refuses others', (answers, why) => {
    expect(shareProblem(answers, SHARE)).toMatch(why)
  })
})

describe('the requests of a proof', () => {
  let server: Server | undefined
  afterEach(() => server?.close())
  const bash = (script: string, input?: string) =>
    new Promise<string>(resolve => {
      const child = spawn('bash', ['-euo', 'pipefail', '-c', script])
      let out = ''
      child.stdout.on('data', data => {
        out += data
        if (input !== undefined && out.includes('\n')) child.stdin.end()
      })
      child.stderr.on('data', data => {
        out += `stderr: ${data}`
      })
      child.on('close', () => resolve(out))
      if (input === undefined) child.stdin.end()
    })
  /** A router: numbers below 800 go to green, which fails for /bad. */
  const started = async () => {
    let connections = 0
    server = createServer((request, response) => {
      const [, number = ''] = /switchyard_canary=(\w+)/.exec(request.headers.cookie ?? '') ?? []
      const slot = (number === '' ? Math.random() < 0.5 : Number.parseInt(number, 16) < 0x800) ? 'green' : 'blue'
      if (request.url === '/none') return void request.socket.destroy()
      const status = slot === 'green' && request.url === '/bad' ? 500 : 200
      response
        .writeHead(status, { 'X-Deployment-Slot': slot })
        .end(`{"version":"${slot} ${request.headers['x-key'] ?? ''}"}`)
    }).on('connection', () => connections++)
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return { curl: (path: string) => ['-q', `http://127.0.0.1:${port}${path}`], connections: () => connections }
  }
  const HEALTH = { path: '/health', headers: { 'X-Key': 'a "b"' } }

  it('are sent on new connections, with and without a number, and counted by what was chosen', async () => {
    const { curl, connections } = await started()
    const script = askScript(curl, HEALTH, { paths: ['/ok', '/bad'], numbers: ['000', 'fff'], sample: 2_129 })
    const answers = parseAnswers(await bash(script.text))
    expect(connections()).toBe(1 + 4 + 2_129)
    expect(answers.body).toBe('{"version":"green a "b""}')
    const count = (number: string, slot: string | undefined, status: number) =>
      answers.asked
        .filter(a => a.number === number && a.slot === slot && a.status === status)
        .reduce((n, a) => n + a.count, 0)
    expect([count('000', 'green', 200), count('000', 'green', 500), count('fff', 'blue', 200)]).toEqual([1, 1, 2])
    expect(answers.asked.filter(({ number }) => number === 'any').reduce((n, a) => n + a.count, 0)).toBe(2_129)
    expect(tallyOf(answers, 'green').failed).toBeGreaterThan(10)
    expect(tallyOf(answers, 'blue').failed).toBe(0)
  })

  it('that get no answer count as failed, and name no slot', async () => {
    const { curl } = await started()
    const script = askScript(curl, { path: '/none', headers: {} }, { paths: ['/none'], numbers: ['000'], sample: 4 })
    expect(parseAnswers(await bash(script.text))).toEqual({
      body: '',
      asked: expect.arrayContaining([{ number: '000', slot: undefined, status: 0, count: 2 }]),
    })
  })

  it('of a watch ask each slot ten times a second, until the end of the input', async () => {
    const { curl } = await started()
    const [first = ''] = (await bash(watchScript(curl, ['/ok', '/bad']).text, 'open')).split('\n')
    expect(parseRound(first)).toEqual([
      { sent: 10, failed: 5 },
      { sent: 10, failed: 0 },
    ])
    expect(parseRound('fff 10 000 0')).toEqual([
      { sent: 10, failed: 0 },
      { sent: 10, failed: 10 },
    ])
  })
})

/** A router that keeps its canary in a variable; `answers`: what the requests show. */
function site(answers: () => Answers, before?: Canary) {
  const state: { now: Canary | undefined } = { now: before }
  const sent: string[] = []
  const host = fakeHost(({ text }) => {
    const [word = ''] = text.split('\n').find(Boolean)?.split(' ') ?? []
    sent.push(word)
    if (word === 'begin') state.now = JSON.parse(text.slice('begin '.length))
    if (word === 'end') state.now = undefined
    if (!text.includes('@ %{http_code}')) return ''
    const { body, asked } = answers()
    const lines = asked.map(
      ({ count, number, slot, status }) => `${count} ${number} ${slot ?? '-'} ${String(status).padStart(3, '0')}`,
    )
    return [`body ${Buffer.from(body).toString('base64')}`, ...lines].join('\n')
  })
  const router = {
    check: () => capture(sh.read`check`, () => []),
    curl: (path: string) => [`http://life.example${path}`],
    live: () => capture(sh.read`live`, () => ROUTE),
    canary: () => capture(sh.read`state`, () => state.now),
    beginCanary: (canary: Canary) => perform({ writes: true, text: `begin ${JSON.stringify(canary)}` }),
    endCanary: () => perform(sh.write`end`),
  } as Partial<Router> as Router
  const deploy = { id: 'd1', by: 'anna', where: 'desk', began: 0 }
  const health = { path: '/health', headers: {}, version: 'version' }
  const deps = { host, router, layout: layout('/srv/life'), deploy, health, dryRun: false } as never
  const to = {
    from: { name: 'blue', port: 4000, env: {} },
    to: { name: 'green', port: 5000, env: {} },
    before: ROUTE,
    record: { release: { name: '2.0.0-abc', version: '2.0.0' } },
  } as never
  const share = planShare(deps, before, to, { percent: 5, sticky: false, paths: ['/'] })
  return { deps, share, state, sent }
}
const ROUTE = { slot: 'blue', generation: 'g1' }
const ENDED: Answers = { body: '', asked: [{ number: '000', slot: undefined, status: 200, count: 2 }] }

describe('a share', () => {
  it('is checked, begun and proven in one round trip, with the figures of both slots', async () => {
    const { deps, share, state, sent } = site(() => correct)
    expect(await beginShare(deps, share)).toEqual({
      summary: '20 of 418 requests went there, bounds 1 to 52',
      asked: { canary: { sent: 24, failed: 2 }, live: { sent: 402, failed: 0 } },
      warnings: [],
    })
    expect(state.now).toMatchObject({ slot: 'green', percent: 5, sticky: false, by: 'anna' })
    expect(sent.slice(0, 2)).toEqual(['check', 'begin'])
    expect(share.attempted).toBe(true)
  })

  it('that the router does not follow, or that reaches another version, is not verified', async () => {
    const astray = site(() => changed(() => ({ slot: 'blue' })))
    expect(await faultOf(beginShare(astray.deps, astray.share))).toMatchObject({
      code: 'CANARY_UNVERIFIED',
      exitCode: 1,
    })
    const failing = site(() => ({
      body: '',
      asked: correct.asked.map(answer => (answer.slot === 'green' ? { ...answer, status: 500 } : answer)),
    }))
    expect(await beginShare(failing.deps, failing.share)).toMatchObject({
      asked: { canary: { sent: 24, failed: 24 }, live: { sent: 402, failed: 0 } },
    })
    const older = site(() => ({ ...correct, body: '{"version":"1.0.0"}' }))
    expect((await faultOf(beginShare(older.deps, older.share))).message).toContain(
      'the application there reports 1.0.0 through the router instead of 2.0.0',
    )
    expect(older.share.attempted).toBe(true)
  })

  it('is sticky if the one before was', () => {
    expect(site(() => correct, { ...wanted, sticky: true }).share.wanted.sticky).toBe(true)
    expect(site(() => correct, wanted).share.wanted.sticky).toBe(false)
  })

  it('of a rolling switch that was cut off is not made smaller by the next one', async () => {
    const { canary, live } = boundaries(67)
    const answer = (slot: string, count: number) => (number: string) => ({ number, slot, status: 200, count })
    const asked = [...canary.map(answer('green', 2)), ...live.map(answer('blue', 2))]
    const any = [answer('green', 268)('any'), answer('blue', 132)('any')]
    const { deps, share, sent, state } = site(() => ({ ...correct, asked: [...asked, ...any] }))
    const left = { ...share.to, share: { ...wanted, percent: 50, switching: true } }
    const setting = { paths: ['/'], watch: undefined, signal: new AbortController().signal }
    const hosts = ['web-1', 'web-2', 'web-3']
    const fleet = { gather: async (value: unknown) => hosts.map(host => ({ host, value })) }
    const ofLeader = { ...(deps as object), fleet, runtime: {}, leads: true, log: () => undefined }
    await moveInShares(ofLeader as never, left, setting)
    expect(sent.filter(word => word === 'begin')).toHaveLength(1)
    expect(state.now).toMatchObject({ slot: 'green', percent: 67, switching: true })
  })

  it('that an undo restores is the one before, or none', async () => {
    const first = site(() => ENDED)
    await restoreShare(first.deps, first.share)
    expect(first.sent).toEqual(['end', expect.anything()])
    const raised = site(() => ENDED, wanted)
    await restoreShare(raised.deps, raised.share)
    expect(raised.sent).toEqual(['live', 'begin'])
    expect(raised.state.now).toEqual(wanted)
  })

  it('that ends is verified by a number that led to it', async () => {
    const { deps, share } = site(() => ENDED, wanted)
    await endShare(deps, share)
    const stays = site(() => ({ body: '', asked: [{ number: '000', slot: 'green', status: 200, count: 2 }] }), wanted)
    expect(await faultOf(endShare(stays.deps, stays.share))).toMatchObject({
      code: 'CANARY_STAYS',
      message: 'Could not verify that green gets no traffic any more: the router still chooses green.',
    })
  })

  it('keeps its slot from being stopped, and says how it ends', () => {
    const green = { name: 'green', port: 5000, env: {} }
    const live = { name: 'blue', port: 4000, env: {} }
    expect(() => assertNoCanary({ canary: undefined, live }, green)).not.toThrow()
    expect(() => assertNoCanary({ canary: wanted, live }, green)).toThrow('green gets 5 % of the traffic, as a canary.')
    const left = { ...wanted, percent: 33, switching: true }
    expect(() => assertNoCanary({ canary: left, live }, green)).toThrow(
      'green gets 33 % of the traffic, since a rolling switch was cut off.',
    )
    expect(describeCanary(left)).toBe(
      'Rolling switch: green gets 33 % of the traffic since 2026-11-26T10:00:00.000Z, by anna. If that run was cut off, `npx task repair` ends it.',
    )
    expect(describeCanary({ ...wanted, sticky: true })).toBe(
      'Canary: green gets 5 % of the traffic since 2026-11-26T10:00:00.000Z, by anna; visitors stay with their slot.',
    )
  })
})
