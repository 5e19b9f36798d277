import { endShare, noteShare, shareEvent } from '../../slots/canary/canary.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { type LiveState, recordIn } from '../../slots/state/readings.ts'
import type { Context } from '../context.ts'

interface TakingBack extends Context<string> {
  readonly dryRun: boolean
  show(text: string): void
}

/** Ends the canary, so that all traffic goes to the live slot; for the commands that name that one. */
export async function takeShareBack(
  { show, ...context }: TakingBack,
  state: Pick<LiveState<string>, 'live' | 'idle' | 'records' | 'canary'>,
): Promise<void> {
  const { live, idle, canary } = state
  // The first host of a pool moves its balancer, for all of them.
  if (!live || !canary || !context.leads || context.runtime.serves === false) return
  const release = recordIn(state, idle)?.release.name
  const ended = { slot: idle.name, live: live.name, release }
  await recorded(context, shareEvent(ended), () => endShare(context, ended))
  await noteShare(context, ended, 'undone', `${canary.percent} % taken back`)
  show(
    context.dryRun
      ? `${idle.name} would get no traffic any more.`
      : `${idle.name} had ${canary.percent} %; all traffic goes to ${live.name} again, verified.`,
  )
}
