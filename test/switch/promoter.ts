/** Promotes in a loop over one connection with the functions of `task promote`, because a run of the program for each would take minutes. */

import type { TestHost } from '../../dev/host.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { beam } from '../../plugins/runtime/beam/beam.ts'
import type { Plugin, Router, Runtime, Slot } from '../../slots/contracts.ts'
import { healthOf } from '../../slots/health/setting.ts'
import { newDeploy } from '../../slots/journal/journal.ts'
import { layout } from '../../slots/layout.ts'
import { drain } from '../../slots/lifecycle/connections.ts'
import { completeSwitch, planSwitch, verifySwitch } from '../../slots/promote/switch.ts'
import { slotsOf } from '../../slots/slot.ts'
import { readings, resolveLive } from '../../slots/state/readings.ts'
import { readRecord } from '../../slots/state/slot-record.ts'
import { pluginKit } from '../support/plugin-kit.ts'

/** One switch of the traffic. Times are milliseconds since 1970, with fractions. */
export interface Switch {
  readonly to: string
  /** Just before the switch was sent to the router, and just after the router reported success. */
  readonly sentAt: number
  readonly returnedAt: number
}

export interface Promoter extends AsyncDisposable {
  /** Switches the traffic to the idle slot and verifies it. `then` runs right after the switch, before the verification. */
  promote(then?: (old: Slot) => Promise<unknown>): Promise<Switch>
  /** Drains and stops the idle slot. */
  retire(limit: number): Promise<{ readonly slot: Slot; readonly cut: number }>
  /** Stops a slot without a drain. */
  stop(slot: Slot): Promise<void>
  /** Starts a slot again; the next promote waits until it is healthy. */
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
      const deps = { host, layout: folders, router, runtime, deploy, health: healthOf({ every: 20 }) }
      const found = await read()
      const trafficSwitch = await planSwitch(deps, found, found.idle)
      if (!trafficSwitch || !found.live) throw new Error('There is no live slot to switch from')
      const sentAt = now()
      await host.query(router.promote(trafficSwitch.to, trafficSwitch.generation))
      const returnedAt = now()
      await then(found.live)
      await host.query(verifySwitch(deps, trafficSwitch))
      await completeSwitch(deps, trafficSwitch)
      return { to: trafficSwitch.to.name, sentAt, returnedAt }
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
