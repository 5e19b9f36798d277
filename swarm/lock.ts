/** The lock of an application in the engine, with the semantics of the lock of a host: one run at a time, released within seconds if its holder is gone. */
import { EXIT } from '../host/exit-codes.ts'
import type { Guard, Host, RemoteProcess } from '../host/host.ts'
import { program } from '../host/program.ts'
import { type Script, sh } from '../host/script.ts'
import { slotFaults } from '../slots/faults.ts'
import { type LockWait, parseOwner } from '../slots/lock/lock.ts'
import type { Deploy, LockOwner } from '../slots/model.ts'
import { engineApi } from './engine.ts'
import { swarmFaults } from './faults.ts'
import { namesOf } from './names.ts'

/** Seconds without a heartbeat after which the manager releases the lock. */
const TTL = 15
/** Interval, in milliseconds. */
const HEARTBEAT = 5_000

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

export interface EngineLock extends AsyncDisposable {
  /** @throws LOCK_LOST */
  check(): void
}

/** @throws LOCK_TAKEN, SWARM_NOT_SET_UP */
export async function takeEngineLock(
  host: Host,
  app: string,
  deploy: Deploy,
  doing: string,
  { wait, signal, onWait }: LockWait = { wait: 0 },
): Promise<EngineLock> {
  const owner: LockOwner = { by: deploy.by, deploy: deploy.id, doing, since: new Date().toISOString() }
  const held = await host.spawn(holdEngineLock(app, deploy.id, Math.ceil(wait)), encoded(owner))
  const release = () => void held[Symbol.asyncDispose]()
  signal?.addEventListener('abort', release, { once: true })
  const answer = await outcome(held, onWait)
  signal?.removeEventListener('abort', release)
  if (answer !== 'held') {
    await held[Symbol.asyncDispose]()
    signal?.throwIfAborted()
    if (answer?.startsWith('taken ')) throw slotFaults.LOCK_TAKEN({ host: host.name, owner: decoded(answer.slice(6)) })
    throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
  }
  let lost = false
  const beat = setInterval(() => held.send('beat'), HEARTBEAT)
  beat.unref()
  void held.ended.then(() => {
    lost = true
    clearInterval(beat)
  })
  return {
    check() {
      if (lost) throw slotFaults.LOCK_LOST({ host: host.name, ttl: TTL })
    },
    async [Symbol.asyncDispose]() {
      clearInterval(beat)
      await held[Symbol.asyncDispose]()
    },
  }
}

const encoded = (owner: LockOwner): string => Buffer.from(JSON.stringify(owner)).toString('base64')
const decoded = (text: string): LockOwner | undefined => parseOwner(Buffer.from(text, 'base64').toString())

/** The first line other than `waiting`. Not a `for await` loop: leaving it would close the iterator, and with it the process that holds the lock. */
async function outcome(held: RemoteProcess, onWait: LockWait['onWait']): Promise<string | undefined> {
  const lines = held.lines[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await lines.next()
    if (done) return undefined
    if (!value.startsWith('waiting ')) return value
    const owner = decoded(value.slice('waiting '.length))
    if (owner) onWait?.(owner)
  }
}

/** Rejects the writes of a run that has lost its lock. */
export const engineGuard = (
  app: string,
  host: string,
  deploy: Deploy,
  lock: () => EngineLock | undefined,
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
