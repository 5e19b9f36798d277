/** The build of a run: one for all hosts, as two of the same tree may differ. It ends early if its result is of no use. */
import type { Host } from '../host/host.ts'
import type { AnyQuery } from '../host/query.ts'
import type { Fleet } from '../runner/task.ts'
import type { Artifact, BuildSource, Plugin, PluginContext } from '../slots/contracts.ts'
import { liveEverywhere } from '../slots/fleet/agreement.ts'
import { asked } from '../slots/fleet/asked.ts'
import type { Layout } from '../slots/layout.ts'
import { unlessClosed } from '../slots/lock/maintenance.ts'
import type { Balancer } from '../slots/place.ts'
import { assertSetUp } from '../slots/setup/owner.ts'
import type { Slots } from '../slots/slot.ts'
import { type Readings, resolveLive } from '../slots/state/readings.ts'

interface Setting {
  readonly source: Plugin<BuildSource>
  readonly layout: Layout
  readonly slots: Slots<string>
  /** All machines of the run, and those of the application. */
  readonly machines: readonly Host[]
  readonly hosts: readonly Host[]
  /** Whether the run uploads what it builds. */
  readonly uploads: boolean
  /** Whether it is for hosts that serve the same. */
  readonly agrees: boolean
}

/** What the run on one host knows when it builds. */
interface OnHost {
  readonly fleet: Fleet
  readonly host: Host
  readonly balancer: Balancer | undefined
  readonly plugin: PluginContext
  readonly reading: AnyQuery<Readings>
}

export function runBuild({ source, layout, slots, machines, hosts, uploads, agrees }: Setting) {
  const inVain = new AbortController()
  let building: Promise<Artifact> | undefined

  /** A build for an upload is aborted if a host turns out to be closed. It does not begin before the balancer can be reached. */
  const build = async ({ balancer, plugin }: OnHost): Promise<Artifact> => {
    const create = (changes: Partial<PluginContext>) => source.create({ ...plugin, ...changes }).build()
    if (!uploads) return create({})
    for (const host of machines) host.connect?.()
    await balancer?.host.query(assertSetUp(balancer.layout))
    const unlessAnyClosed = hosts.reduce<(signal: AbortSignal) => Promise<Artifact>>(
      (work, host) => signal => unlessClosed({ host, layout, signal }, work),
      signal => create({ signal, $: plugin.$({ signal }) }),
    )
    return unlessAnyClosed(AbortSignal.any([plugin.signal, inVain.signal]))
  }

  /**
   * Aborts the build if the hosts do not serve the same. What else is wrong with a host is reported by the steps that need it.
   *
   * @throws FLEET_SPLIT, FLEET_BEHIND
   */
  const refusedEarly = async ({ fleet, host, reading }: OnHost): Promise<void> => {
    const { found: state } = await asked(async () => resolveLive(await host.query(reading), slots))
    if (!state) return
    await liveEverywhere(fleet, state).catch((error: unknown) => {
      inVain.abort(error)
      throw error
    })
  }

  return async (onHost: OnHost): Promise<Artifact> => {
    building ??= build(onHost)
    if (agrees && onHost.fleet.hosts.length > 1) await Promise.all([building, refusedEarly(onHost)])
    return building
  }
}
