/**
 * A rolling switch behind a balancer, which has one route: it sends a growing share of the traffic to the new slot before all of it, as a canary does. Each
 * share is proven, and all of it goes back if the new slot fails more.
 */
import { beginShare, endShare, mustEnd, noteShare, type Pair, planShare, shareEvent } from '../canary/canary.ts'
import { canaryFaults } from '../canary/canary-faults.ts'
import { watchShare } from '../canary/watch.ts'
import type { Deps } from '../deps.ts'
import { recorded } from '../journal/journal.ts'
import type { TrafficSwitch } from '../promote/switch.ts'
import { sharesOf } from './rolling.ts'

type ShareDeps = Pick<Deps, 'host' | 'layout' | 'router' | 'health' | 'deploy' | 'dryRun' | 'log'>

interface Setting {
  /** The paths to request. */
  readonly paths: readonly string[]
  /** Milliseconds to watch each share. */
  readonly watch: number | undefined
  readonly signal: AbortSignal
}

/**
 * Called on all hosts of the pool: the one that leads moves the balancer, and the others wait until it has.
 *
 * @throws CANARY_UNVERIFIED, CANARY_TAKEN_BACK, and what the router's check throws
 */
export async function moveInShares(
  deps: ShareDeps & Pick<Deps, 'fleet' | 'runtime'> & { readonly leads: boolean },
  trafficSwitch: TrafficSwitch<string>,
  setting: Setting,
): Promise<void> {
  const { fleet, runtime, leads } = deps
  const serves = runtime.serves !== false
  const serving = (await fleet.gather(serves)).filter(({ value }) => value)
  if (leads && serves && trafficSwitch.from)
    await sendShares(deps, trafficSwitch, sharesOf(serving.length, fleet.limit), setting)
  await fleet.gather(undefined)
}

/** @param shares in percent, the smallest first */
async function sendShares(
  deps: ShareDeps,
  trafficSwitch: TrafficSwitch<string>,
  shares: readonly number[],
  { paths, watch, signal }: Setting,
): Promise<void> {
  const { share: before } = trafficSwitch
  // A share that is there already, as after a switch that was cut off, is not made smaller.
  for (const percent of shares.filter(wanted => wanted >= (before?.percent ?? 0))) {
    const share = planShare(deps, before, trafficSwitch, { percent, sticky: false, switching: true, paths })
    await recorded(deps, shareEvent(share), async () => {
      trafficSwitch.shared = true
      const { asked: proven, summary } = await beginShare(deps, share)
      const { failing, asked, served } =
        mustEnd(proven) || watch === undefined
          ? { failing: mustEnd(proven), asked: proven, served: undefined }
          : await watchShare(deps, share, proven, { duration: watch, signal, onLook: () => undefined })
      if (failing) {
        await takeShareBack(deps, trafficSwitch)
        throw canaryFaults.CANARY_TAKEN_BACK({ slot: share.slot, live: share.live, percent, asked, served })
      }
      await noteShare(deps, share, 'done', `${percent} %`)
      deps.log(`${share.slot} gets ${percent} %: ${summary}`)
    })
  }
}

/** Sends the share of a switch that did not happen back, and verifies that. Does nothing if there was none. */
export async function takeShareBack(deps: ShareDeps, trafficSwitch: TrafficSwitch<string>): Promise<void> {
  if (!trafficSwitch.shared) return
  const { to, from, record } = trafficSwitch
  const pair: Pair = { slot: to.name, live: from?.name ?? '', release: record.release.name }
  await endShare(deps, pair)
  trafficSwitch.shared = false
  await noteShare(deps, pair, 'undone', `all traffic goes to ${pair.live}, verified`)
}
