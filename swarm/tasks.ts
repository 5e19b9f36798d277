/** Creates the tasks of a swarm, and connects each with the steps that it needs. */
import { console } from './commands/console.ts'
import { deploy } from './commands/deploy.ts'
import { history } from './commands/history.ts'
import { migrate } from './commands/migrate.ts'
import { promote } from './commands/promote.ts'
import { repair } from './commands/repair.ts'
import { rollback } from './commands/rollback.ts'
import { scale } from './commands/scale.ts'
import { setup } from './commands/setup.ts'
import { status } from './commands/status.ts'
import type { SwarmDeps } from './context.ts'
import { build } from './steps/build.ts'
import { sendImageStep } from './steps/send-image.ts'
import { startSlot } from './steps/start-slot.ts'
import { detectLive, takeLock } from './steps/take-lock.ts'

export function swarmTasks<S extends string>(deps: SwarmDeps<S>) {
  const built = build(deps)
  const locked = takeLock(deps)
  const detected = detectLive(deps, locked)
  const sent = sendImageStep(deps, built, detected)
  const started = startSlot(deps, detected, sent)
  return {
    setup: setup(deps),
    build: built,
    deploy: deploy(deps, {
      build: built,
      takeLock: locked,
      detectLive: detected,
      sendImage: sent,
      startSlot: started,
    }),
    promote: promote(deps, detected),
    rollback: rollback(deps, detected),
    migrate: migrate(deps, detected),
    console: console(deps),
    scale: scale(deps, locked),
    status: status(deps),
    history: history(deps),
    repair: repair(deps, locked),
  }
}
