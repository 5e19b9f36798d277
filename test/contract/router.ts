/** The sentences of the `Router` contract, for any implementation. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import type { HostFacts, Plugin, PluginContext, Provision, Route, Router, Slot } from '../../slots/contracts.ts'
import { type Bound, bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'

/** One implementation to be tested, on a host of its own where its provision is in force and no slot is live. */
export interface RouterUnderTest extends AsyncDisposable {
  readonly plugin: Plugin<Router>
  /** Two slots; on the port of each answers an application that says `<slot> <path>` with 200, or with 404 to /missing. */
  readonly slots: readonly [Slot, Slot]
  /** Whether its answers carry a generation. */
  readonly generations: boolean
  readonly host: Host
  /** The deploying user of that host. */
  readonly facts: HostFacts
  kit(): PluginContext
  /** Puts a provision in force again, as `setup` does when a file has changed. */
  install(provision: Provision): Promise<void>
  /** The router as such, not its configuration. */
  stop(): Promise<void>
  start(): Promise<void>
  stopApplication(slot: Slot): Promise<void>
  startApplication(slot: Slot): Promise<void>
  /** Makes the router's state something that it did not write; the result puts back what was there. */
  spoil(): Promise<() => Promise<void>>
}

const LIMITS = { answers: 5, within: 20_000 }

export function routerContract(name: string, open: () => Promise<RouterUnderTest>): void {
  describe(name, () => {
    let it: RouterUnderTest
    let router: Bound<Router>
    let blue: Slot
    let green: Slot
    let count = 0
    beforeAll(async () => {
      it = await open()
      router = bound(it.host, it.plugin.create(it.kit()))
      ;[blue, green] = it.slots
    })
    afterAll(() => it?.[Symbol.asyncDispose]())

    /** Moves the traffic under a generation of its own, and waits until it has moved. */
    const promoted = async (slot: Slot): Promise<Route> => {
      const generation = `g${++count}`
      await router.promote(slot, generation)
      const route = { slot: slot.name, generation: it.generations ? generation : undefined }
      expect(await router.verify(route, LIMITS)).toMatchObject({ verified: true, last: { ...route, status: 200 } })
      return route
    }

    test('before the first promote both its own state and the public answer say that no slot is live', async () => {
      expect(await router.live()).toEqual({ slot: undefined, generation: undefined })
      expect(await router.answer()).toMatchObject({ slot: undefined, generation: undefined, problem: undefined })
      expect((await router.fetch('/')).status).toBe(503)
    })

    test('a promote moves its own state, the public answer and the application that answers', async () => {
      for (const slot of [blue, green, blue]) {
        const route = await promoted(slot)
        expect(await router.live()).toEqual(route)
        expect(await router.answer()).toEqual({ ...route, status: 200, problem: undefined })
        expect(await router.fetch('/where?x=1')).toEqual({ status: 200, body: `${slot.name} /where?x=1\n` })
      }
    })

    test('restore puts back what was live before, also when that was promoted long ago', async () => {
      const before = await promoted(green)
      for (let i = 0; i < 8; i++) await promoted(blue)
      await router.restore(before)
      expect(await router.live()).toEqual(before)
      expect(await router.verify(before, LIMITS)).toMatchObject({ verified: true })
      expect(await router.fetch('/')).toEqual({ status: 200, body: 'green /\n' })
    })

    test('restore of no route makes no slot live', async () => {
      await promoted(blue)
      const none = { slot: undefined, generation: undefined }
      await router.restore(none)
      expect(await router.live()).toEqual(none)
      expect(await router.verify(none, LIMITS)).toMatchObject({ verified: true, last: { ...none, problem: undefined } })
    })

    test('a proof counts the questions, and ends at its limit with the last answer when the route is another', async () => {
      const route = await promoted(blue)
      const proof = await router.verify(route, { answers: 3, within: 20_000 })
      expect(proof.asked).toBe(3)
      expect(proof.firstAfter).toBeGreaterThanOrEqual(0)
      const asked = await router.verify(route, { ...LIMITS, path: '/where?x=1' })
      expect(asked.answer).toEqual({ status: 200, body: 'blue /where?x=1\n' })
      const wrong = await router.verify({ slot: green.name, generation: 'g1' }, { answers: 1, within: 300 })
      expect(wrong).toMatchObject({ verified: false, firstAfter: undefined, last: { ...route, problem: undefined } })
      expect(wrong.asked).toBeGreaterThan(0)
    })

    test('the answer of the application is handed on as it is, an error among them', async () => {
      await promoted(blue)
      expect(await router.fetch('/missing')).toEqual({ status: 404, body: 'blue /missing\n' })
    })

    test('an application that is down is an answer too, and does not change which slot is live', async () => {
      const route = await promoted(green)
      await it.stopApplication(green)
      try {
        expect((await router.fetch('/')).status).toBeGreaterThanOrEqual(500)
        expect(await router.answer()).toMatchObject(route)
      } finally {
        await it.startApplication(green)
      }
    })

    test('while the router is down, check refuses and starts nothing, answers have a problem, and its state can be read', async () => {
      const route = await promoted(blue)
      await it.stop()
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
        await it.start()
      }
      await router.check()
    })

    test('a state that it did not write is a fault, and never a slot', async () => {
      await promoted(blue)
      const mend = await it.spoil()
      try {
        expect(await faultOf(router.live())).toMatchObject({ exitCode: 3 })
      } finally {
        await mend()
      }
    })

    test('a dry run prints what a promote and a restore would do, and does neither', async () => {
      const route = await promoted(blue)
      const lines: string[] = []
      const dry = bound(
        dryHost(it.host, line => lines.push(line)),
        it.plugin.create({ ...it.kit(), dryRun: true }),
      )
      await dry.promote(green, 'never')
      expect(lines.join('\n')).toContain(green.name)
      const printed = lines.length
      await dry.restore({ slot: undefined, generation: undefined })
      expect(lines.length).toBeGreaterThan(printed)
      expect(await router.live()).toEqual(route)
      expect(await dry.live()).toEqual(route)
    })

    test('what it wants on a host is the same each time, and puts nothing live that was not when it is installed again', async () => {
      const route = await promoted(green)
      const provision = router.provision(it.facts)
      expect(router.provision(it.facts)).toEqual(provision)
      await it.install(provision)
      expect(await router.live()).toEqual(route)
      expect(await router.verify(route, LIMITS)).toMatchObject({ verified: true })
      await router.check()
    })
  })
}
