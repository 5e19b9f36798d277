/** A run whose lock has expired. */
import { expect, it } from 'vitest'
import type { RemoteProcess, Transport } from '../../../host/host.ts'
import type { TaskContext } from '../../../runner/task.ts'
import type { AnySwarmDefinition } from '../../../swarm/definition.ts'
import { openSwarm, type Swarm } from '../../../swarm/session.ts'

/** A run that holds its lock, and what releases that on its manager. */
async function run(signal: AbortSignal) {
  let release = () => {}
  const holder: RemoteProcess = {
    lines: (async function* () {
      yield 'held'
    })(),
    send: () => {},
    ended: new Promise(resolve => {
      release = () => resolve(0)
    }),
    [Symbol.asyncDispose]: async () => {},
  }
  const host = { name: 'm1', spawn: async () => holder, [Symbol.asyncDispose]: async () => {} }
  const manager = { name: 'm1', open: async () => host } as unknown as Transport
  const definition = { app: 'life', manager, router: { port: 80 }, slots: {} } as unknown as AnySwarmDefinition
  const swarm = { definition, health: {}, probe: undefined, slots: ['blue', 'green'] } as unknown as Swarm
  const setting = { command: 'promote', signal, offline: false } as unknown as Parameters<typeof openSwarm>[1]
  const scope = await openSwarm(swarm, setting)
  const task = { log: () => {}, dryRun: false } as unknown as TaskContext
  const begin = () => scope.context(task, undefined as never) as { takeLock(): Promise<void> }
  await begin().takeLock()
  return { begin, release }
}

it('begins no further step, because what it knows of the swarm may no longer be so', async () => {
  const { begin, release } = await run(new AbortController().signal)
  expect(begin).not.toThrow()
  release()
  await expect.poll(() => codeOf(begin)).toBe('LOCK_LOST')
})

it('undoes its changes', async () => {
  const failing = new AbortController()
  const { begin, release } = await run(failing.signal)
  failing.abort(new Error('it failed'))
  release()
  await new Promise(resolve => setImmediate(resolve))
  expect(begin).not.toThrow()
})

const codeOf = (work: () => unknown): unknown => {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}
