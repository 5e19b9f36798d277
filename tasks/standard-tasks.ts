/** The standard tasks of a project, each in a file of its own; here they are told what they need of each other. */

import { console } from './commands/console.ts'
import { deploy } from './commands/deploy.ts'
import { doctor } from './commands/doctor.ts'
import { history } from './commands/history.ts'
import { lock, unlock } from './commands/lock.ts'
import { migrate } from './commands/migrate.ts'
import { promote } from './commands/promote.ts'
import { releases } from './commands/releases.ts'
import { repair } from './commands/repair.ts'
import { retire } from './commands/retire.ts'
import { rollback } from './commands/rollback.ts'
import { setup } from './commands/setup.ts'
import { status } from './commands/status.ts'
import type { TaskDeps } from './context.ts'
import { build } from './steps/build.ts'
import { checkIdle } from './steps/check-idle.ts'
import { detectLive } from './steps/detect-live.ts'
import { preflight } from './steps/preflight.ts'
import { startIdle } from './steps/start-idle.ts'
import { makeWay, stopIdle } from './steps/stop-idle.ts'
import { takeLock } from './steps/take-lock.ts'
import { upload } from './steps/upload.ts'

export function standardTasks<S extends string>(parts: TaskDeps<S>) {
  const locked = takeLock(parts)
  const built = build(parts)
  const checkedHost = preflight(parts, built)
  const uploaded = upload(parts, built)
  const detected = detectLive(parts)
  const stopped = stopIdle(parts, locked, detected)
  const freed = makeWay(parts, uploaded, locked, detected)
  const started = startIdle(parts, uploaded, freed)
  return {
    setup: setup(parts),
    build: built,
    preflight: checkedHost,
    upload: uploaded,
    detectLive: detected,
    stopIdle: stopped,
    startIdle: started,
    checkIdle: checkIdle(parts, detected, detected),
    deploy: deploy(parts, {
      build: built,
      preflight: checkedHost,
      upload: uploaded,
      takeLock: locked,
      detectLive: detected,
      makeWay: freed,
      startIdle: started,
      checkIdle: checkIdle(parts, detected, started),
    }),
    promote: promote(parts, locked, detected),
    rollback: rollback(parts, locked, detected),
    repair: repair(parts, locked),
    retire: retire(parts, locked, detected),
    migrate: migrate(parts, locked, detected),
    console: console(parts),
    status: status(parts),
    doctor: doctor(parts),
    history: history(parts),
    releases: releases(parts),
    lock: lock(parts, locked),
    unlock: unlock(parts),
  }
}
