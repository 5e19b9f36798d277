/** The lock of an application in the engine, with the semantics of the lock of a host: one run at a time, released within seconds if its holder is gone. */
import { EXIT } from '../host/exit-codes.ts'
import type { Guard, Host } from '../host/host.ts'
import { program } from '../host/program.ts'
import { type Script, sh } from '../host/script.ts'
import { slotFaults } from '../slots/faults.ts'
import { holding, type Lock, type LockWait, parseOwner, TTL } from '../slots/lock/lock.ts'
import type { Deploy, LockOwner } from '../slots/model.ts'
import { engineApi } from './engine.ts'
import { swarmFaults } from './faults.ts'
import { namesOf } from './names.ts'

export const holdEngineLock = (app: string, deploy: string, wait: number): Script =>
  sh.lines(
    engineApi,
    program(new URL('./hold-engine-lock.sh', import.meta.url), {
      writes: true,
      parameters: { app, lock: namesOf(app).lock, id: deploy, wait, ttl: TTL },
    }),
  )

/** Exits with the code of a lost lock unless the lock names this run. */
export const engineFence = (app: string, deploy: string): Script => sh.read`
engine=\${DOCKER_HOST:-unix:///var/run/docker.sock}; curl -q -sS --max-time 30 --unix-socket "\${engine#unix://}" ${`http://engine/configs/${namesOf(app).lock}`} | grep -qF ${`"deploy":"${deploy}"`} || exit ${EXIT.fence.refused}`

/** @throws LOCK_TAKEN, SWARM_NOT_SET_UP */
export async function takeEngineLock(
  host: Host,
  app: string,
  deploy: Deploy,
  doing: string,
  wait: LockWait = { wait: 0 },
): Promise<Lock> {
  const owner: LockOwner = { by: deploy.by, deploy: deploy.id, doing, since: new Date().toISOString() }
  return holding(host, holdEngineLock(app, deploy.id, Math.ceil(wait.wait)), encoded(owner), {
    wait,
    ownerOf: decoded,
    refusal: answer =>
      answer?.startsWith('taken ')
        ? slotFaults.LOCK_TAKEN({ host: host.name, owner: decoded(answer.slice('taken '.length)) })
        : swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name }),
  })
}

const encoded = (owner: LockOwner): string => Buffer.from(JSON.stringify(owner)).toString('base64')
const decoded = (text: string): LockOwner | undefined => parseOwner(Buffer.from(text, 'base64').toString())

/** Rejects the writes of a run that has lost its lock. */
export const engineGuard = (
  app: string,
  host: string,
  deploy: Deploy,
  lock: () => Lock | undefined,
  undoing: () => boolean,
): Guard => ({
  script() {
    const held = lock()
    if (!held) return undefined
    if (!undoing()) held.check()
    return engineFence(app, deploy.id)
  },
  refusal: code => (code === EXIT.fence.refused ? slotFaults.OVERTAKEN({ host, owner: undefined }) : undefined),
})
