/** The rows of the router suite for assets of the previous release, which the live one lacks. */
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Host } from '../../host/host.ts'
import { sh } from '../../host/script.ts'
import type { HostFacts, Plugin, PluginContext, Provision, Route, Router, Slot } from '../../slots/contracts.ts'
import { type Bound, bound } from '../support/bound.ts'
import { PATIENCE } from './patience.ts'
import type { OutsiderAnswer } from './router-options.ts'

export interface RouterAssets {
  /** The router with `assets: { path: '/assets/' }`; with `keeps` also with `folder: 'public'` and `keep: 1`. */
  readonly plugin: Plugin<Router>
  /** Whether the router also looks into the releases that were live before. */
  readonly keeps: boolean
}

/** What these rows need of the router under test; described there. */
interface Subject {
  readonly slots: readonly [Slot, Slot]
  readonly host: Host
  readonly facts: HostFacts
  readonly assets?: RouterAssets
  kit(): PluginContext
  install(provision: Provision): Promise<void>
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

export function routerAssets({ subject, router, promoted }: Suite): void {
  describe('assets of the previous release', () => {
    let changed = false
    beforeEach(({ skip }) => {
      if (!subject().assets) skip('the router has no option for them')
    })
    afterAll(async () => {
      if (changed) await subject().install(router().provision(subject().facts))
    })
    const create = (): Router =>
      (subject().assets ?? expect.fail('`assets` is missing.')).plugin.create(subject().kit())
    const ask = (path: string, method = 'GET'): Promise<OutsiderAnswer> =>
      subject().outsider?.(path, method) ?? expect.fail('`assets` needs `outsider`.')
    /** Each slot has the asset that bears its name, and no other. */
    const assetOf = ({ name }: Slot) => `/assets/${name}.js`
    /** A router may reload in the background: its old processes answer for a moment. */
    const installed = async (live: Slot, idle: Slot) => {
      if (!changed) await subject().install(create().provision(subject().facts))
      changed = true
      await promoted(live)
      await vi.waitFor(
        async () => {
          for (let i = 0; i < 5; i++) expect((await ask(assetOf(idle))).status).toBe(200)
        },
        { ...PATIENCE, interval: 100 },
      )
    }

    test('F81 are served from the other slot where the live one lacks them, before and after each switch', async () => {
      const [blue, green] = subject().slots
      await installed(blue, green)
      for (const [live, idle] of [
        [green, blue],
        [blue, green],
      ] as const) {
        await promoted(live)
        expect(await ask(assetOf(live))).toMatchObject({ status: 200, body: `${live.name} ${assetOf(live)}\n` })
        expect(await ask(assetOf(idle))).toMatchObject({ status: 200, body: `${idle.name} ${assetOf(idle)}\n` })
        expect(await ask(assetOf(idle), 'HEAD')).toMatchObject({ status: 200, body: '' })
        expect((await ask('/assets/none.js')).status).toBe(404)
      }
    })

    test('F81 asks the other slot for nothing else: not for another path, and for no POST', async () => {
      const [blue, green] = subject().slots
      await installed(blue, green)
      expect(await ask('/missing')).toMatchObject({ status: 404, body: 'blue /missing\n' })
      expect(await ask(assetOf(green), 'POST')).toMatchObject({ status: 404 })
    })

    test('F81 are not found, without a failure, while the other slot is down; and that slot never stands in for a live one', async () => {
      const [blue, green] = subject().slots
      await installed(blue, green)
      await subject().stopApplication(green)
      try {
        for (let i = 0; i < 3; i++) expect((await ask(assetOf(green))).status).toBe(404)
        expect((await ask(assetOf(blue))).status).toBe(200)
        expect((await ask('/where')).status).toBe(200)
      } finally {
        await subject().startApplication(green)
      }
      await subject().stopApplication(blue)
      try {
        for (const path of ['/where', assetOf(blue), assetOf(green)])
          expect((await ask(path)).status, path).toBeGreaterThanOrEqual(500)
      } finally {
        await subject().startApplication(blue)
      }
      await vi.waitFor(async () => expect((await ask(assetOf(green))).status).toBe(200), PATIENCE)
    })

    test('F81 are served from a release that was live before, when no slot has it any more', async ({ skip }) => {
      if (!subject().assets?.keeps) skip('the router serves no files')
      const [blue, green] = subject().slots
      await installed(blue, green)
      const { layout } = subject().kit()
      const site = bound(subject().host, create())
      const become = async (slot: Slot, release: string) => {
        const dir = layout.release(release)
        const { dir: folder, current } = layout.slot(slot.name)
        await subject().host.run(sh.write`umask 022
mkdir -p ${dir}/public/assets ${folder}
echo ${release} > ${dir}/public/assets/${release}.js
ln -sfn ${dir} ${current}`)
        await site.promote(slot, release)
        await site.verify({ slot: slot.name, generation: release }, { answers: 5, within: 20_000 })
      }
      for (const [slot, release] of [
        [blue, 'one'],
        [green, 'two'],
        [blue, 'three'],
      ] as const)
        await become(slot, release)
      expect(await ask('/assets/three.js')).toMatchObject({ status: 200, body: 'three\n' })
      expect(await ask('/assets/two.js')).toMatchObject({ status: 200, body: 'two\n' })
      expect((await ask('/assets/one.js')).status).toBe(404)
      expect((await ask('/assets/two.js')).headers['content-type']).toContain('javascript')
    })
  })
}
