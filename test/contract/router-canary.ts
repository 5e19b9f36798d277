/** The rows of the router suite for a canary, a share of the requests that goes to the slot that is not live. */
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import { ask } from '../../slots/canary/ask.ts'
import { type CanaryRouter, canaryRouter, shareProblem } from '../../slots/canary/canary.ts'
import { boundaries, numbersOf, numberText, sampleFor } from '../../slots/canary/share.ts'
import type { Canary, HostFacts, Plugin, PluginContext, Provision, Route, Router, Slot } from '../../slots/contracts.ts'
import { maintaining } from '../../slots/maintenance/site.ts'
import { type Bound, bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { PATIENCE } from './patience.ts'
import type { OutsiderAnswer } from './router-options.ts'

/** What these rows need of the router under test; described there. */
interface Subject {
  readonly slots: readonly [Slot, Slot]
  readonly host: Host
  readonly facts: HostFacts
  readonly canary?: Plugin<Router>
  kit(): PluginContext
  install(provision: Provision): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  stopApplication(slot: Slot): Promise<void>
  startApplication(slot: Slot): Promise<void>
  outsider?(path: string, method?: string, headers?: Readonly<Record<string, string>>): Promise<OutsiderAnswer>
}

interface Suite {
  subject(): Subject
  router(): Bound<Router>
  /** Switches the traffic, and waits until the switch is verified. */
  promoted(slot: Slot): Promise<Route>
}

const LOW = '000'
const HIGH = 'fff'

export function routerCanary({ subject, router, promoted }: Suite): void {
  describe('a canary', () => {
    let changed = false
    beforeEach(({ skip }) => {
      if (!subject().canary) skip('the router has no canary')
    })
    afterAll(async () => {
      if (changed) await subject().install(router().provision(subject().facts))
    })
    const create = (more: Partial<PluginContext> = {}): CanaryRouter =>
      canaryRouter((subject().canary ?? expect.fail('`canary` is missing.')).create({ ...subject().kit(), ...more }))
    const site = (): Bound<CanaryRouter> => bound(subject().host, create())
    const installed = async () => {
      if (changed) return
      changed = true
      await subject().install(create().provision(subject().facts))
      await site().beginCanary(canaryOf(), await promoted(subject().slots[0]))
      await inForce()
      await site().endCanary()
    }
    /** A router may reload in the background: its old processes answer for a moment. */
    const inForce = () =>
      vi.waitFor(
        async () => {
          for (let i = 0; i < 10; i++) expect((await numbered(LOW)).headers).toHaveProperty('x-deployment-slot')
        },
        { ...PATIENCE, interval: 100 },
      )
    const canaryOf = (parts: Partial<Canary> = {}): Canary => ({
      slot: subject().slots[1].name,
      percent: 25,
      sticky: false,
      by: 'anna',
      since: new Date().toISOString(),
      ...parts,
    })
    /** Blue is live, and green gets a share. */
    const begun = async (parts: Partial<Canary> = {}): Promise<{ readonly canary: Canary; readonly route: Route }> => {
      await installed()
      const route = await promoted(subject().slots[0])
      const canary = canaryOf(parts)
      await site().beginCanary(canary, route)
      return { canary, route }
    }
    const outsider = (headers: Readonly<Record<string, string>> = {}, path = '/where') =>
      subject().outsider?.(path, 'GET', headers) ?? expect.fail('A router that has a canary needs `outsider`.')
    const numbered = (number: string) => outsider({ Cookie: `a=b; switchyard_canary=${number}; c=d` })
    const answersOf = ({ percent }: Canary) => {
      const { canary, live } = boundaries(percent)
      const health = { path: '/', headers: {} } as never
      return subject().host.query(
        ask({ router: create(), health }, { paths: ['/'], numbers: [...canary, ...live], sample: sampleFor(percent) }),
      )
    }
    const proven = async (canary: Canary, live: Slot) =>
      expect(
        shareProblem(await answersOf(canary), { wanted: canary, slot: canary.slot, live: live.name }),
      ).toBeUndefined()
    const over = async (live: Slot) => {
      expect(await site().canary()).toBeUndefined()
      for (const number of [LOW, HIGH]) {
        const answer = await numbered(number)
        expect(answer).toMatchObject({ status: 200, body: `${live.name} /where\n` })
        expect(answer.headers).not.toHaveProperty('x-deployment-slot')
      }
    }

    test('sends its share to the other slot, can be changed, and leaves the answer which slot is live as it is', async () => {
      const [blue, green] = subject().slots
      await installed()
      const route = await promoted(blue)
      await over(blue)
      for (const percent of [5, 60, 99, 1]) {
        const canary = canaryOf({ percent })
        await site().beginCanary(canary, route)
        expect(await site().canary()).toEqual(canary)
        await proven(canary, blue)
        const first = numberText(numbersOf(percent))
        const last = numberText(numbersOf(percent) - 1)
        for (const [number, slot] of [
          [LOW, green],
          [last, green],
          [first, blue],
          [HIGH, blue],
        ] as const)
          expect(await numbered(number), `${percent} %, ${number}`).toMatchObject({
            body: `${slot.name} /where\n`,
            headers: { 'x-deployment-slot': slot.name },
          })
        expect(await router().live()).toEqual(route)
        expect(await router().answer()).toMatchObject({ ...route, status: 200, problem: undefined })
        expect(await router().verify(route, { answers: 20, within: 20_000 })).toMatchObject({
          verified: true,
          asked: 20,
        })
        expect(await router().check('/')).toEqual([])
      }
      await site().endCanary()
      await over(blue)
      await site().endCanary()
    })

    test('without `sticky` draws each time and sets no cookie; with it, sets a number that is no secret and leads to the same slot', async () => {
      const { canary, route } = await begun({ percent: 50 })
      const drawn = await Promise.all(Array.from({ length: 40 }, () => outsider()))
      expect(new Set(drawn.map(({ body }) => body)).size).toBe(2)
      expect(drawn.every(({ headers }) => !('set-cookie' in headers))).toBe(true)
      const sticky = { ...canary, sticky: true }
      await site().beginCanary(sticky, route)
      for (let i = 0; i < 10; i++) {
        const first = await outsider()
        const [, number = ''] =
          /^switchyard_canary=([0-9a-f]{3}); Path=\/; HttpOnly; SameSite=Lax$/.exec(
            first.headers['set-cookie'] ?? '',
          ) ?? []
        expect(number, first.headers['set-cookie']).toMatch(/^[0-9a-f]{3}$/)
        const again = await numbered(number)
        expect(again.body).toBe(first.body)
        expect(again.headers).not.toHaveProperty('set-cookie')
      }
      // Not one of ours: a number is drawn, as for a new visitor.
      for (const wrong of ['00', '0000', 'FFF', 'xyz'])
        expect((await numbered(wrong)).headers, wrong).toHaveProperty('set-cookie')
      expect((await outsider({}, '/deployment_id')).headers).not.toHaveProperty('set-cookie')
      await site().endCanary()
      expect((await outsider()).headers).not.toHaveProperty('set-cookie')
    })

    test('ends with a promote, and does not come back with a restore', async () => {
      const [blue, green] = subject().slots
      const { route } = await begun({ percent: 60 })
      const next = await promoted(green)
      await over(green)
      await site().restore(route)
      expect(await router().verify(route, { answers: 5, within: 20_000 })).toMatchObject({ verified: true })
      await over(blue)
      await site().restore(next)
      await over(green)
    })

    test('survives a restart of the router and another setup', async () => {
      const [blue] = subject().slots
      const { canary } = await begun({ percent: 40 })
      await subject().stop()
      await subject().start()
      await expect.poll(async () => (await numbered(LOW)).status, PATIENCE).toBe(200)
      expect(await site().canary()).toEqual(canary)
      await proven(canary, blue)
      await subject().install(create().provision(subject().facts))
      await inForce()
      expect(await site().canary()).toEqual(canary)
      await proven(canary, blue)
      await site().endCanary()
      await over(blue)
    })

    test('names its slot also when that does not answer, and the live one goes on', async () => {
      const [blue, green] = subject().slots
      await begun({ percent: 30 })
      await subject().stopApplication(green)
      try {
        const answer = await numbered(LOW)
        expect(answer.status).toBeGreaterThanOrEqual(500)
        expect(answer.headers['x-deployment-slot']).toBe(green.name)
        expect(await numbered(HIGH)).toMatchObject({ status: 200, body: `${blue.name} /where\n` })
      } finally {
        await subject().startApplication(green)
        await site().endCanary()
      }
    })

    test("is counted by a router that counts each slot's requests, a slot that does not answer included", async ({
      skip,
    }) => {
      if (!site().served) skip('the router counts none')
      const [blue, green] = subject().slots
      await begun({ percent: 30 })
      const counted = async () => {
        const served = await site().served?.()
        return { blue: served?.[blue.name], green: served?.[green.name] }
      }
      const before = await counted()
      for (let i = 0; i < 10; i++) await numbered(LOW)
      for (let i = 0; i < 5; i++) await numbered(HIGH)
      await subject().stopApplication(green)
      try {
        for (let i = 0; i < 3; i++) await numbered(LOW)
      } finally {
        await subject().startApplication(green)
        await site().endCanary()
      }
      const after = await counted()
      expect(after.green).toEqual({ sent: (before.green?.sent ?? 0) + 13, failed: (before.green?.failed ?? 0) + 3 })
      expect(after.blue).toEqual({ sent: (before.blue?.sent ?? 0) + 5, failed: before.blue?.failed })
    })

    test('is not begun for a route that is not live any more', async () => {
      const [blue, green] = subject().slots
      await installed()
      const old = await promoted(blue)
      await promoted(green)
      expect(await faultOf(site().beginCanary(canaryOf({ slot: blue.name }), old))).toMatchObject({
        code: 'CANARY_ROUTE_MOVED',
        exitCode: 3,
      })
      await over(green)
    })

    test('is closed with the site in a maintenance, except for our own requests', async ({ skip }) => {
      if (!router().maintenance) skip('the router has no maintenance')
      const [blue] = subject().slots
      const { canary } = await begun({ percent: 50 })
      const closing = bound(subject().host, maintaining(create()))
      const since = new Date().toISOString()
      await closing.beginMaintenance({ by: 'anna', since, message: 'Soon.', allow: [], retryAfter: 60 })
      try {
        for (const number of [LOW, HIGH]) expect(await numbered(number)).toMatchObject({ status: 503 })
        await proven(canary, blue)
      } finally {
        await closing.endMaintenance()
        await site().endCanary()
      }
    })

    test('is neither begun nor ended by a dry run', async () => {
      await installed()
      const [blue] = subject().slots
      const route = await promoted(blue)
      const lines: string[] = []
      const dry = bound(
        dryHost(subject().host, line => lines.push(line)),
        create({ dryRun: true }),
      )
      await dry.beginCanary(canaryOf(), route)
      expect(lines.join('\n')).toContain('canary')
      await over(blue)
      await site().beginCanary(canaryOf(), route)
      await dry.endCanary()
      expect(await site().canary()).toMatchObject({ by: 'anna' })
      await site().endCanary()
    })

    test('is refused as long as the site was installed without it, and the traffic can be switched meanwhile', async () => {
      const [blue, green] = subject().slots
      await subject().install(router().provision(subject().facts))
      changed = false
      const route = await promoted(blue)
      const fault = await faultOf(site().beginCanary(canaryOf(), route))
      expect(fault).toMatchObject({ code: 'CANARY_NOT_SET_UP', exitCode: 3 })
      expect(fault.hint).toContain('npx task setup')
      await site().endCanary()
      await promoted(green)
      await over(green)
    })
  })
}
