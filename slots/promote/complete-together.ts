/** The end of a switch: all hosts that switch together record it, or none of them. */
import type { Deps } from '../deps.ts'
import type { Figures } from '../model.ts'
import type { Outcome } from './evaluate-switch.ts'
import type { FailedHook } from './hooks.ts'
import { completeSwitch, type TrafficSwitch } from './switch.ts'

type CompleteDeps = Pick<Deps, 'fleet' | 'host' | 'layout' | 'router' | 'runtime' | 'health' | 'deploy'>

interface Completed {
  /** Why the traffic goes back, here or on another host; undefined if the switch is recorded. */
  readonly problem: unknown
  /** The hooks of the application that failed. */
  readonly hooks: readonly FailedHook[]
}

/**
 * Records the switch once every host has proven it: what one of them takes back, all take back.
 *
 * @throws if the host cannot record it, and nothing that runs only in the live slot was moved
 */
export async function completeTogether(
  deps: CompleteDeps,
  trafficSwitch: TrafficSwitch<string>,
  { problem, stays }: Outcome,
  figures: Figures | undefined,
): Promise<Completed> {
  const { fleet, runtime } = deps
  const others = () => fleet.gather(undefined).then(() => undefined, asIs)
  const failed = problem ?? (await others())
  if (failed !== undefined) return { problem: failed, hooks: [] }
  const complete = async () => {
    // Where nothing serves requests, the processes of the new release are the proof, so that the other hosts wait for them.
    const serves = runtime.serves !== false
    const missing = serves ? await others() : undefined
    if (missing !== undefined) throw missing
    const hooks = await completeSwitch(deps, trafficSwitch, { why: stays, figures })
    if (!serves) await fleet.gather(undefined)
    return hooks
  }
  try {
    return { problem: undefined, hooks: await complete() }
  } catch (error) {
    // A process that does not start makes the release unfit, like a failed request: nothing is recorded yet, and the traffic goes back.
    if (trafficSwitch.moved) return { problem: error, hooks: [] }
    throw error
  }
}

const asIs = (error: unknown): unknown => error
