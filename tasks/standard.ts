/** The standard tasks of a project, each in a file of its own; here they are told what they need of each other. */
import { build } from './build.ts'
import { checkIdle } from './check-idle.ts'
import { console } from './console.ts'
import type { Parts } from './context.ts'
import { deploy } from './deploy.ts'
import { detectLive } from './detect-live.ts'
import { doctor } from './doctor.ts'
import { history } from './history.ts'
import { lock, unlock } from './lock.ts'
import { migrate } from './migrate.ts'
import { preflight } from './preflight.ts'
import { promote } from './promote.ts'
import { repair } from './repair.ts'
import { retire } from './retire.ts'
import { rollback } from './rollback.ts'
import { setup } from './setup.ts'
import { startIdle } from './start-idle.ts'
import { status } from './status.ts'
import { makeWay, stopIdle } from './stop-idle.ts'
import { takeLock } from './take-lock.ts'
import { upload } from './upload.ts'

export function standardTasks<S extends string>(parts: Parts<S>) {
  const locked = takeLock(parts)
  const built = build(parts)
  const checkedHost = preflight(parts, built)
  const uploaded = upload(parts, built)
  const detected = detectLive(parts)
  const stopped = stopIdle(parts, locked, detected)
  const started = startIdle(parts, uploaded, makeWay(parts, uploaded, locked, detected))
  return {
    setup: setup(parts),
    build: built,
    preflight: checkedHost,
    upload: uploaded,
    detectLive: detected,
    stopIdle: stopped,
    startIdle: started,
    checkIdle: checkIdle(parts, detected, detected),
    deploy: deploy(parts, checkedHost, detected, started, checkIdle(parts, detected, started)),
    promote: promote(parts, locked, detected),
    rollback: rollback(parts, locked, detected),
    repair: repair(parts, locked),
    retire: retire(parts, locked, detected),
    migrate: migrate(parts, locked, detected),
    console: console(parts),
    status: status(parts),
    doctor: doctor(parts),
    history: history(parts),
    lock: lock(parts, locked),
    unlock: unlock(parts),
  }
}
