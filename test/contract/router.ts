/** The `Router` contract as a test suite for any implementation. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import type { HostFacts, Plugin, PluginContext, Provision, Route, Router, Slot } from '../../slots/contracts.ts'
import { type Bound, bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'

/** The implementation to test, on a host of its own on which its provision is installed and no slot is live. */
export interface RouterUnderTest extends AsyncDisposable {
  readonly plugin: Plugin<Router>
  /** Two slots. On the port of each, an application responds with `<slot> <path>`, and with status 200, or 404 for /missing. */
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
  /** Stops the application that listens on the slot's port. */
  stopApplication(slot: Slot): Promise<void>
  /** Starts the application that listens on the slot's port. */
  startApplication(slot: Slot): Promise<void>
  /** Replaces the router's state by something that it did not write; the function that it resolves to restores the state. */
  spoil(): Promise<() => Promise<void>>
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
