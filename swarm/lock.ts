/** The lock of an application in the engine, with the semantics of the lock of a host: one run at a time, released within seconds if its holder is gone. */
import { EXIT } from '../host/exit-codes.ts'
import type { Guard, Host } from '../host/host.ts'
import { program } from '../host/program.ts'
import { type Script, sh } from '../host/script.ts'
import { slotFaults } from '../slots/faults.ts'
import { holding, type Lock, type LockWait, parseOwner, TTL } from '../slots/lock/lock.ts'
import type { Deploy, LockOwner } from '../slots/model.ts'
import { readCluster } from './cluster.ts'
import { ELECTION, engineApi, LEADERLESS, messageIn } from './engine.ts'
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

/**
 * Seconds for which the lock has to be somebody else's, or nobody's, before that is believed: a manager that has just become the leader answers before it has
 * applied the last changes of the one before it.
 */
const SETTLING = 5

/**
 * Exits with the code of a lost lock unless the lock names this run and, unless that undoes its changes, was not released; with another code if the managers have
 * no leader that could tell. One line, as every guard.
 */
export const engineFence = (app: string, deploy: string, undoing = false): Script =>
  sh.read`engine=\${DOCKER_HOST:-unix:///var/run/docker.sock} patience=$((SECONDS + ${ELECTION})) sure=; while :; do lock=$(curl -q -sS --max-time 30 --write-out '\\n%{http_code}' --unix-socket "\${engine#unix://}" ${`http://engine/configs/${namesOf(app).lock}`} 2>&1 || :); if [[ $lock == *${`"deploy":"${deploy}"`}*$'\\n200'${undoing ? sh.read`` : sh.read` && $lock == *'"until":"'*`} ]]; then break; fi; case $lock in *$'\\n200' | *$'\\n404') sure=\${sure:-$((SECONDS + ${SETTLING}))}; if [ $SECONDS -ge "$sure" ]; then printf '%s\\n' "$lock" >&2; exit ${EXIT.fence.refused}; fi ;; *) sure= ;; esac; if [ $SECONDS -ge $patience ]; then printf '%s\\n' "$lock" >&2; exit ${EXIT.fence.unasked}; fi; sleep 0.5; done`

/** @throws LOCK_TAKEN, SWARM_NOT_SET_UP, SWARM_WITHOUT_QUORUM, ENGINE_UNREACHABLE */
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
    async refusal(answer = '') {
      if (answer.startsWith('taken '))
        return slotFaults.LOCK_TAKEN({ host: host.name, owner: decoded(answer.slice('taken '.length)) })
      if (LEADERLESS.test(answer)) return withoutQuorum(host.name, answer)
      await host.query(readCluster(app))
      return swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
    },
  })
}

/** @param said what the engine answered, in one of its lines */
const withoutQuorum = (host: string, said: string) =>
  swarmFaults.SWARM_WITHOUT_QUORUM({ host, why: messageIn(/\{.*\}/.exec(said)?.[0] ?? 'it does not answer') })

const encoded = (owner: LockOwner): string => Buffer.from(JSON.stringify(owner)).toString('base64')
const decoded = (text: string): LockOwner | undefined => parseOwner(Buffer.from(text, 'base64').toString())

/** Rejects the writes of a run that has lost its lock. It may undo its changes as long as no other run has taken it. */
export const engineGuard = (
  app: string,
  host: () => string,
  deploy: Deploy,
  lock: () => Lock | undefined,
  undoing: () => boolean,
): Guard => ({
  script() {
    const held = lock()
    if (!held) return undefined
    if (!undoing()) held.check()
    return engineFence(app, deploy.id, undoing())
  },
  refusal(code, stderr) {
    if (code === EXIT.fence.unasked) return withoutQuorum(host(), stderr)
    if (code !== EXIT.fence.refused) return undefined
    const owner = decoded([...stderr.matchAll(/"owner":"([^"]*)"/g)].at(-1)?.[1] ?? '')
    return owner?.deploy === deploy.id
      ? slotFaults.LOCK_LOST({ host: host(), ttl: TTL })
      : slotFaults.OVERTAKEN({ host: host(), owner })
  },
})
