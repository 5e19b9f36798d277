/** Creates the tasks of a swarm, and connects each with the steps that it needs. */
import { config } from './commands/config.ts'
import { console } from './commands/console.ts'
import { deploy } from './commands/deploy.ts'
import { doctor } from './commands/doctor.ts'
import { envDiff } from './commands/env-diff.ts'
import { exec } from './commands/exec.ts'
import { history } from './commands/history.ts'
import { logs } from './commands/logs.ts'
import { migrate } from './commands/migrate.ts'
import { pending } from './commands/pending.ts'
import { promote } from './commands/promote.ts'
import { remove } from './commands/remove.ts'
import { repair } from './commands/repair.ts'
import { restart } from './commands/restart.ts'
import { rollback } from './commands/rollback.ts'
import { scale } from './commands/scale.ts'
import { setup } from './commands/setup.ts'
import { status } from './commands/status.ts'
import { watch } from './commands/watch.ts'
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
    restart: restart(deps, locked, detected),
    migrate: migrate(deps, detected),
    console: console(deps),
    exec: exec(deps),
    logs: logs(deps),
    scale: scale(deps, locked),
    status: status(deps),
    watch: watch(deps),
    history: history(deps),
    pending: pending(deps),
    config: config(deps),
    envDiff: envDiff(deps),
    doctor: doctor(deps),
    repair: repair(deps, locked),
    remove: remove(deps),
  }
}
