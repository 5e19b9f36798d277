/** Promotes again and again over one connection, by the same functions as `task promote`: a run of the program for each would cost minutes. */

import type { TestHost } from '../../dev/host.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { beam } from '../../plugins/runtime/beam/beam.ts'
import type { Plugin, Router, Runtime, Slot } from '../../slots/contracts.ts'
import { healthOf } from '../../slots/health/health.ts'
import { newDeploy } from '../../slots/journal/journal.ts'
import { layout } from '../../slots/layout.ts'
import { drain } from '../../slots/lifecycle/connections.ts'
import { planSwitch, proveSwitch, recordSwitch } from '../../slots/promote/switch.ts'
import { slotsOf } from '../../slots/slot.ts'
import { readings, resolveLive } from '../../slots/state/readings.ts'
import { readRecord } from '../../slots/state/slot-record.ts'
import { pluginKit } from '../support/plugin-kit.ts'

/** One move of the traffic. Times are milliseconds since 1970, with fractions. */
export interface Switch {
  readonly to: string
  /** Just before the router was told, and just after it said that it was done. */
  readonly askedAt: number
  readonly returnedAt: number
}

export interface Promoter extends AsyncDisposable {
  /** Sends the traffic to the slot that is idle now, and proves it. `then` runs as soon as the router was told, before the proof. */
  promote(then?: (old: Slot) => Promise<unknown>): Promise<Switch>
  /** The drain, then the stop: what happens to the idle slot in the end. */
  retire(limit: number): Promise<{ readonly slot: Slot; readonly cut: number }>
  /** The stop alone. */
  stop(slot: Slot): Promise<void>
  /** Starts what was stopped; healthy when the next promote says so. */
  start(slot: Slot): Promise<void>
}

export const now = (): number => performance.timeOrigin + performance.now()

export async function openPromoter(on: TestHost, plugin: Plugin<Router>): Promise<Promoter> {
  const { signal } = new AbortController()
  const host = await ssh(on.alias, { configFile: on.sshConfigFile }).open({ signal, confirm: async () => false })
  const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
  const folders = layout('/srv/life')
  const kit = pluginKit({ host: host.name, slots: slots.all, signal })
  const router = plugin.create(kit)
  const runtime: Runtime = beam().create(kit)
  const read = async () => resolveLive(await host.query(readings({ layout: folders, slots, router })), slots)
  return {
    async promote(then = async () => undefined) {
      const deploy = newDeploy('the switch suite')
      const ground = { host, layout: folders, router, runtime, deploy, health: healthOf({ every: 20 }) }
      const found = await read()
      const move = await planSwitch(ground, found, found.idle)
      if (!move || !found.live) throw new Error('There is no traffic to move')
      const askedAt = now()
      await host.query(router.promote(move.to, move.generation))
      const returnedAt = now()
      await then(found.live)
      await host.query(proveSwitch(ground, move))
      await recordSwitch(ground, move)
      return { to: move.to.name, askedAt, returnedAt }
    },
    async retire(limit) {
      const { idle } = await read()
      const { left } = await host.query(drain(idle, limit))
      await host.query(runtime.stop(idle))
      return { slot: idle, cut: left }
    },
    async stop(slot) {
      await host.query(runtime.stop(slot))
    },
    async start(slot) {
      const record = await host.query(readRecord(folders, slot))
      if (!record) throw new Error(`${slot.name} was never filled`)
      await host.query(runtime.start(record.release, slot))
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}
