/** Creates the standard tasks of a project, and connects each with the steps that it needs. */

import { bootstrap } from './commands/bootstrap.ts'
import { catchUp } from './commands/catch-up.ts'
import { config } from './commands/config.ts'
import { console } from './commands/console.ts'
import { deploy } from './commands/deploy.ts'
import { doctor } from './commands/doctor.ts'
import { envDiff } from './commands/env-diff.ts'
import { envPush } from './commands/env-push.ts'
import { exec } from './commands/exec.ts'
import { history } from './commands/history.ts'
import { lock, unlock } from './commands/lock.ts'
import { logs } from './commands/logs.ts'
import { maintenance } from './commands/maintenance.ts'
import { migrate } from './commands/migrate.ts'
import { pending } from './commands/pending.ts'
import { promote } from './commands/promote.ts'
import { prune } from './commands/prune.ts'
import { rehearse } from './commands/rehearse.ts'
import { releases } from './commands/releases.ts'
import { remove } from './commands/remove.ts'
import { repair } from './commands/repair.ts'
import { restart } from './commands/restart.ts'
import { retire } from './commands/retire.ts'
import { rollback } from './commands/rollback.ts'
import { rpc } from './commands/rpc.ts'
import { setup } from './commands/setup.ts'
import { status } from './commands/status.ts'
import { watch } from './commands/watch.ts'
import type { TaskDeps } from './context.ts'
import { build } from './steps/build.ts'
import { checkIdle } from './steps/check-idle.ts'
import { detectLive } from './steps/detect-live.ts'
import { findRelease, type Supply, unlessNamed } from './steps/find-release.ts'
import { preflight } from './steps/preflight.ts'
import { prepareRelease } from './steps/prepare-release.ts'
import { startIdle } from './steps/start-idle.ts'
import { makeWay, stopIdle } from './steps/stop-idle.ts'
import { takeLock } from './steps/take-lock.ts'
import { upload } from './steps/upload.ts'

export function standardTasks<S extends string>(deps: TaskDeps<S>) {
  const locked = takeLock(deps)
  const built = unlessNamed(build(deps))
  const found = findRelease(deps)
  const checkedHost = preflight(deps, deps.flow('Build or find the release', [built, found]))
  const uploaded = unlessNamed(upload(deps, built))
  const supplied: Supply = deps.flow('Upload or find the release', [uploaded, found])
  const detected = detectLive(deps)
  const detectedEach = detectLive(deps, { split: true })
  const stopped = stopIdle(deps, locked, detected)
  const prepared = prepareRelease(deps, supplied, locked, detected)
  const freed = makeWay(deps, supplied, locked, detected, prepared)
  const started = startIdle(deps, supplied, freed)
  const settingUp = setup(deps)
  return {
    bootstrap: bootstrap(deps, settingUp),
    setup: settingUp,
    build: built,
    preflight: checkedHost,
    upload: uploaded,
    detectLive: detected,
    stopIdle: stopped,
    startIdle: started,
    checkIdle: checkIdle(deps, detected, detected),
    deploy: deploy(deps, {
      build: built,
      findRelease: found,
      preflight: checkedHost,
      upload: uploaded,
      takeLock: locked,
      detectLive: detected,
      prepareRelease: prepared,
      makeWay: freed,
      startIdle: started,
      checkIdle: checkIdle(deps, detected, started),
    }),
    promote: promote(deps, locked, detectedEach),
    rollback: rollback(deps, locked, detected),
    restart: restart(deps, locked, detected),
    repair: repair(deps, locked),
    catchUp: catchUp(deps, locked, detectedEach),
    retire: retire(deps, locked, detected),
    migrate: migrate(deps, locked, detected),
    console: console(deps),
    logs: logs(deps),
    exec: exec(deps),
    rpc: rpc(deps),
    status: status(deps),
    watch: watch(deps),
    config: config(deps),
    envDiff: envDiff(deps),
    envPush: envPush(deps, locked, detected),
    doctor: doctor(deps),
    history: history(deps),
    releases: releases(deps),
    prune: prune(deps, locked),
    pending: pending(deps),
    remove: remove(deps),
    rehearse: rehearse(deps),
    lock: lock(deps, locked),
    unlock: unlock(deps),
    maintenance: maintenance(deps),
  }
}
