import type { AnyTask } from '../../runner/task.ts'
import type { TaskDeps } from '../context.ts'
import { checkIdle } from './check-idle.ts'
import type { DetectLive } from './detect-live.ts'
import type { Supply } from './find-release.ts'
import { preflightOnHost } from './preflight.ts'
import { prepareRelease } from './prepare-release.ts'
import { startIdle } from './start-idle.ts'
import { makeWay } from './stop-idle.ts'
import type { TakeLock } from './take-lock.ts'

/**
 * The steps that start a release of the host in the idle slot, under the lock: as in a deploy, but they remove no old releases. `checked`, the last one,
 * returns the record of the healthy slot.
 *
 * @param adapt changes each step before the next one is made, which needs it
 */
export function startOnHost<S extends string>(
  deps: TaskDeps<S>,
  supply: Supply,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
  adapt: <T extends AnyTask>(step: T) => T = step => step,
) {
  const fit = adapt(preflightOnHost(deps, supply))
  const prepared = adapt(prepareRelease(deps, supply, takeLock, detectLive))
  const freed = adapt(makeWay(deps, supply, takeLock, detectLive, prepared))
  const options = { title: 'Start the release in the idle slot', prunes: false }
  const started = adapt(startIdle(deps, supply, freed, options))
  const checked = adapt(checkIdle(deps, detectLive, started))
  return { steps: [fit, prepared, freed, started, checked] as const, checked }
}
