/** The `Router` contract as a test suite for any implementation. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import type {
  HostFacts,
  Plugin,
  PluginContext,
  Provision,
  Route,
  Router,
  SiteMaintenance,
  Slot,
} from '../../slots/contracts.ts'
import { type Maintaining, maintaining } from '../../slots/maintenance/site.ts'
import { type Bound, bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { PATIENCE } from './patience.ts'
import { type RouterAssets, routerAssets } from './router-assets.ts'
import { routerCanary } from './router-canary.ts'
import { type ConfiguredRouter, type OutsiderAnswer, routerOptions } from './router-options.ts'

/** The implementation to test, on a host of its own on which its provision is installed and no slot is live. */
export interface RouterUnderTest extends AsyncDisposable {
  readonly plugin: Plugin<Router>
  /** Two slots. On the port of each, an application responds with `<slot> <path>`, and with status 200, or 404 for /missing, and below /assets/ for all but /assets/<slot>.js. */
  readonly slots: readonly [Slot, Slot]
  /** Whether the router records a generation, and its public answer carries it. */
  readonly generations: boolean
  readonly host: Host
  /** The deploying user of the host. */
  readonly facts: HostFacts
  /** The context that the plugin is created with. */
  kit(): PluginContext
  /** Installs a provision again, as `setup` does when a file has changed. */
  install(provision: Provision): Promise<void>
  /** Stops the router's process; its configuration stays. */
  stop(): Promise<void>
  /** Starts the router's process. */
  start(): Promise<void>
  /** Reloads the router's configuration, as somebody else would. Needed for a router that has `reloaded`. */
  reload?(): Promise<void>
  /** Stops the application that listens on the slot's port. */
  stopApplication(slot: Slot): Promise<void>
  /** Starts the application that listens on the slot's port. */
  startApplication(slot: Slot): Promise<void>
  /** Replaces the router's state by something that it did not write; the function that it resolves to restores the state. */
  spoil(): Promise<() => Promise<void>>
  /** Requests a path of the site from another machine. Needed for a router that has a maintenance. */
  outsider?(path: string, method?: string, headers?: Readonly<Record<string, string>>): Promise<OutsiderAnswer>
  /** The address of that machine, as the router sees it, while a slot is live. */
  outsiderAddress?(): Promise<string>
  /**
   * The plugin with more options. Missing if it has none of them; then the tests of these options are skipped. Needs `outsider`. The application on the port
   * of a slot has to answer `/headers` with the headers of the request, each as `x_real_ip=192.0.2.1;`.
   */
  configured?(options: ConfiguredRouter): Plugin<Router>
  /** The plugin with a canary. Missing if the router has none. Needs `outsider`. */
  readonly canary?: Plugin<Router>
  /** The router with the option for assets of the previous release. Missing if it has none. Needs `outsider`. */
  readonly assets?: RouterAssets
}

const LIMITS = { answers: 5, within: 20_000 }

/** Defines the suite for a router. */
export function routerContract(name: string, open: () => Promise<RouterUnderTest>): void {
  describe(name, () => {
    let subject: RouterUnderTest
    let router: Bound<Router>
    let blue: Slot
    let green: Slot
    let count = 0
    beforeAll(async () => {
      subject = await open()
      router = bound(subject.host, subject.plugin.create(subject.kit()))
      ;[blue, green] = subject.slots
    })
    afterAll(() => subject?.[Symbol.asyncDispose]())

    /** Switches the traffic with a new generation, and waits until the switch is verified. */
    const promoted = async (slot: Slot): Promise<Route> => {
      const generation = `g${++count}`
      await router.promote(slot, generation)
      const route = { slot: slot.name, generation: subject.generations ? generation : undefined }
      expect(await router.verify(route, LIMITS)).toMatchObject({ verified: true, last: { ...route, status: 200 } })
      return route
    }

    test('live() and answer() report no live slot before the first promote', async () => {
      expect(await router.live()).toEqual({ slot: undefined, generation: undefined })
      expect(await router.answer()).toMatchObject({ slot: undefined, generation: undefined, problem: undefined })
      expect((await router.fetch('/')).status).toBe(503)
    })

    test('promote changes the recorded route, the public answer and the application that responds', async () => {
      for (const slot of [blue, green, blue]) {
        const route = await promoted(slot)
        expect(await router.live()).toEqual(route)
        expect(await router.answer()).toEqual({ ...route, status: 200, problem: undefined })
        expect(await router.fetch('/where?x=1')).toEqual({ status: 200, body: `${slot.name} /where?x=1\n` })
      }
    })

    test('restore brings back an earlier route, also when it was promoted long ago', async () => {
      const before = await promoted(green)
      for (let i = 0; i < 8; i++) await promoted(blue)
      await router.restore(before)
      expect(await router.live()).toEqual(before)
      expect(await router.verify(before, LIMITS)).toMatchObject({ verified: true })
      expect(await router.fetch('/')).toEqual({ status: 200, body: 'green /\n' })
    })

    test('restore of an undefined route makes no slot live', async () => {
      await promoted(blue)
      const none = { slot: undefined, generation: undefined }
      await router.restore(none)
      expect(await router.live()).toEqual(none)
      expect(await router.verify(none, LIMITS)).toMatchObject({ verified: true, last: { ...none, problem: undefined } })
    })

    test('verify counts its requests, and ends at its limit with the last answer when the route is another', async () => {
      const route = await promoted(blue)
      const verification = await router.verify(route, { answers: 3, within: 20_000 })
      expect(verification.asked).toBe(3)
      expect(verification.firstAfter).toBeGreaterThanOrEqual(0)
      const asked = await router.verify(route, { ...LIMITS, path: '/where?x=1' })
      expect(asked.answer).toEqual({ status: 200, body: 'blue /where?x=1\n' })
      const wrong = await router.verify({ slot: green.name, generation: 'g1' }, { answers: 1, within: 300 })
      expect(wrong).toMatchObject({ verified: false, firstAfter: undefined, last: { ...route, problem: undefined } })
      expect(wrong.asked).toBeGreaterThan(0)
    })

    test('fetch returns the response of the application unchanged, errors included', async () => {
      await promoted(blue)
      expect(await router.fetch('/missing')).toEqual({ status: 404, body: 'blue /missing\n' })
    })

    test('fetch returns an error status for an application that is down, and the slot stays live', async () => {
      const route = await promoted(green)
      await subject.stopApplication(green)
      try {
        expect((await router.fetch('/')).status).toBeGreaterThanOrEqual(500)
        expect(await router.answer()).toMatchObject(route)
      } finally {
        await subject.startApplication(green)
      }
    })

    test('check refuses a router that is down and does not start it, answers have a problem, and live() still works', async () => {
      const route = await promoted(blue)
      await subject.stop()
      try {
        expect(await faultOf(router.check())).toMatchObject({ exitCode: 3, message: expect.stringContaining('run') })
        expect(await router.answer()).toMatchObject({ slot: undefined, status: undefined, problem: expect.any(String) })
        expect(await router.fetch('/')).toEqual({ status: 0, body: '' })
        expect(await router.live()).toEqual(route)
        expect(await router.verify(route, { answers: 1, within: 200 })).toMatchObject({
          verified: false,
          last: { problem: expect.any(String) },
        })
      } finally {
        await subject.start()
      }
      await router.check()
    })

    test('reloaded() tells when somebody reloaded the router, and the route is as before', async ({ skip }) => {
      if (!router.reloaded) skip('the router does not tell')
      const route = await promoted(blue)
      const before = await router.reloaded?.()
      const since = performance.now()
      await subject.reload?.()
      await expect.poll(() => router.reloaded?.(), PATIENCE).not.toBe(before)
      expect(await router.reloaded?.()).toBeLessThanOrEqual((performance.now() - since) / 1000 + 1)
      expect(await router.live()).toEqual(route)
      expect(await router.verify(route, LIMITS)).toMatchObject({ verified: true })
    })

    test('live() throws a fault for a state that the router did not write', async () => {
      await promoted(blue)
      const mend = await subject.spoil()
      try {
        expect(await faultOf(router.live())).toMatchObject({ exitCode: 3 })
      } finally {
        await mend()
      }
    })

    test('a dry run prints what promote and restore would do, and does neither', async () => {
      const route = await promoted(blue)
      const lines: string[] = []
      const dry = bound(
        dryHost(subject.host, line => lines.push(line)),
        subject.plugin.create({ ...subject.kit(), dryRun: true }),
      )
      await dry.promote(green, 'never')
      expect(lines.join('\n')).toContain(green.name)
      const printed = lines.length
      await dry.restore({ slot: undefined, generation: undefined })
      expect(lines.length).toBeGreaterThan(printed)
      expect(await router.live()).toEqual(route)
      expect(await dry.live()).toEqual(route)
    })

    routerOptions({
      subject: () => subject,
      router: () => router,
      promoted: slot => promoted(slot),
    })

    routerAssets({
      subject: () => subject,
      router: () => router,
      promoted: slot => promoted(slot),
    })

    routerCanary({
      subject: () => subject,
      router: () => router,
      promoted: slot => promoted(slot),
    })

    describe('a maintenance', () => {
      /** The router's methods for it; skips the test of a router without them. */
      const able = (skip: (reason: string) => void) => {
        if (!router.maintenance) skip('the router has no maintenance')
        const plugin: Maintaining = maintaining(subject.plugin.create(subject.kit()))
        const outsider = subject.outsider ?? expect.fail('A router that has a maintenance needs `outsider`.')
        return { site: bound(subject.host, plugin), outsider }
      }
      const maintenanceOf = (parts: Partial<SiteMaintenance> = {}): SiteMaintenance => ({
        by: 'anna',
        since: new Date().toISOString(),
        message: 'Back <soon>, "100%" & more.',
        allow: [],
        retryAfter: 77,
        ...parts,
      })

      test('answers whatever a client from outside asks with 503, Retry-After and the message, until it ends', async ({
        skip,
      }) => {
        const { site, outsider } = able(skip)
        await promoted(blue)
        expect(await site.maintenance()).toBeUndefined()
        expect(await site.outside('/')).toEqual({ status: 200, maintenance: false })
        const wanted = maintenanceOf()
        await site.beginMaintenance(wanted)
        try {
          expect(await site.maintenance()).toEqual(wanted)
          expect(await site.outside('/')).toEqual({ status: 503, maintenance: true })
          for (const method of ['GET', 'POST', 'DELETE']) {
            const answer = await outsider('/where?x=1', method)
            expect(answer, method).toMatchObject({
              status: 503,
              headers: { 'retry-after': '77', 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' },
            })
            expect(answer.body).toContain('<p>Back &lt;soon&gt;, &quot;100%&quot; &amp; more.</p>')
          }
          expect(await outsider('/where', 'HEAD')).toMatchObject({ status: 503, body: '' })
          await site.beginMaintenance(maintenanceOf({ message: 'Later.', retryAfter: 5 }))
          expect((await outsider('/')).headers['retry-after']).toBe('5')
          expect((await outsider('/')).body).toContain('<p>Later.</p>')
        } finally {
          await site.endMaintenance()
        }
        expect(await site.maintenance()).toBeUndefined()
        expect(await site.outside('/')).toEqual({ status: 200, maintenance: false })
        expect(await outsider('/where')).toMatchObject({ status: 200, body: 'blue /where\n' })
        await site.endMaintenance()
      })

      test('passes our own requests, so that the route is read, switched and verified as always', async ({ skip }) => {
        const { site, outsider } = able(skip)
        await promoted(blue)
        await site.beginMaintenance(maintenanceOf())
        try {
          const route = await promoted(green)
          const asked = await router.verify(route, { ...LIMITS, path: '/where?x=1' })
          expect(asked.answer).toEqual({ status: 200, body: 'green /where?x=1\n' })
          expect(await router.fetch('/missing')).toEqual({ status: 404, body: 'green /missing\n' })
          expect(await router.check('/')).toEqual([])
          expect(await router.answer()).toEqual({ ...route, status: 200, problem: undefined })
          expect(await outsider('/deployment_id')).toMatchObject({ status: 200, body: 'green\n' })
          const none = { slot: undefined, generation: undefined }
          await router.restore(none)
          expect(await router.verify(none, LIMITS)).toMatchObject({ verified: true })
          expect(await site.outside('/')).toEqual({ status: 503, maintenance: true })
        } finally {
          await site.endMaintenance()
          await promoted(blue)
        }
      })

      test('passes clients of the allowed networks, and no others', async ({ skip }) => {
        const { site, outsider } = able(skip)
        await promoted(blue)
        const address = (await subject.outsiderAddress?.()) ?? expect.fail('`outsider` needs `outsiderAddress`.')
        const [a, b, c, d] = address.split('.').map(Number)
        const networks = [`${address}/32`, `${a}.0.0.0/8`, `${a}.${b}.${c}.0/24`, `${a}.${b}.${c}.${(d ?? 0) & 254}/31`]
        try {
          for (const network of networks) {
            await site.beginMaintenance(maintenanceOf({ allow: ['192.0.2.7/32', network] }))
            expect(await outsider('/where'), network).toMatchObject({ status: 200, body: 'blue /where\n' })
            expect(await site.outside('/'), network).toEqual({ status: 503, maintenance: true })
          }
          await promoted(green)
          expect(await outsider('/where')).toMatchObject({ status: 200, body: 'green /where\n' })
          for (const network of [
            `${(a ?? 0) ^ 1}.0.0.0/8`,
            `${a}.${b}.${(c ?? 0) ^ 1}.0/24`,
            '2001:db8::/32',
            '::1/128',
          ]) {
            await site.beginMaintenance(maintenanceOf({ allow: [network] }))
            expect(await outsider('/where'), network).toMatchObject({ status: 503 })
          }
        } finally {
          await site.endMaintenance()
        }
      })

      test('survives a restart of the router and another setup', async ({ skip }) => {
        const { site, outsider } = able(skip)
        await promoted(blue)
        const wanted = maintenanceOf({ allow: ['192.0.2.0/24'] })
        await site.beginMaintenance(wanted)
        try {
          await subject.stop()
          await subject.start()
          await expect.poll(async () => (await outsider('/')).status, PATIENCE).toBe(503)
          await subject.install(router.provision(subject.facts))
          expect(await site.maintenance()).toEqual(wanted)
          expect(await site.outside('/')).toEqual({ status: 503, maintenance: true })
          expect(await router.check()).toEqual([])
        } finally {
          await site.endMaintenance()
        }
        expect(await site.outside('/')).toEqual({ status: 200, maintenance: false })
      })

      test('is neither begun nor ended by a dry run, which prints what it would do', async ({ skip }) => {
        const { site } = able(skip)
        const lines: string[] = []
        const dry = bound(
          dryHost(subject.host, line => lines.push(line)),
          maintaining(subject.plugin.create({ ...subject.kit(), dryRun: true })),
        )
        await dry.beginMaintenance(maintenanceOf())
        expect(lines.join('\n')).toContain('maintenance')
        expect(await site.maintenance()).toBeUndefined()
        await site.beginMaintenance(maintenanceOf())
        try {
          await dry.endMaintenance()
          expect(await site.maintenance()).toMatchObject({ by: 'anna' })
        } finally {
          await site.endMaintenance()
        }
      })
    })

    test('provision() returns the same each time, and installing it again does not change the live route', async () => {
      const route = await promoted(green)
      const provision = router.provision(subject.facts)
      expect(router.provision(subject.facts)).toEqual(provision)
      await subject.install(provision)
      expect(await router.live()).toEqual(route)
      expect(await router.verify(route, LIMITS)).toMatchObject({ verified: true })
      await router.check()
    })
  })
}
