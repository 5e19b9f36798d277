/** The manager that a run talks to: the first of the Taskfile that answers. */
import type { Host, HostSetting, Transport } from '../host/host.ts'
import type { Query } from '../host/query.ts'
import { type Fault, isFault } from '../runner/fault.ts'
import type { AnySwarmDefinition } from './definition.ts'
import { askEngine, LEADERLESS, replies } from './engine.ts'
import { swarmFaults } from './faults.ts'

export const managersOf = ({ manager }: Pick<AnySwarmDefinition, 'manager'>): readonly Transport[] => [manager].flat()

/** The engine waits for a leader before it answers, up to 20 s. @throws ENGINE_UNREACHABLE, NOT_A_MANAGER, SWARM_WITHOUT_QUORUM */
export function askManager(): Query<void> {
  const script = { ...askEngine(['/info']), label: 'docker info' }
  return {
    script,
    read(output, host) {
      const [info] = replies(output, host, script)
      const { Swarm } = JSON.parse(info?.body ?? '{}') as { Swarm?: { ControlAvailable?: boolean; Error?: string } }
      if (!Swarm?.ControlAvailable) throw swarmFaults.NOT_A_MANAGER({ host: host.name })
      if (LEADERLESS.test(Swarm.Error ?? ''))
        throw swarmFaults.SWARM_WITHOUT_QUORUM({ host: host.name, why: Swarm.Error ?? '' })
    },
  }
}

export interface Opened {
  readonly host: Host
  /** Those that were asked before it, and why each of them is of no use. */
  readonly passed: readonly Fault[]
}

/**
 * A single manager is not asked first: its first command tells whether it answers. One that the others do not hear has no leader, while they have one.
 *
 * @throws MANAGERS_UNREACHABLE; SWARM_WITHOUT_QUORUM if the best that any of them says is that it has no leader; and the faults of a single one
 */
export async function openManager(managers: readonly Transport[], setting: HostSetting): Promise<Opened> {
  const [only, ...more] = managers
  if (only && more.length === 0) return { host: await only.open(setting), passed: [] }
  // The undo of a run that was aborted opens one, too.
  const undoing = setting.signal.aborted
  const passed: Fault[] = []
  for (const manager of managers) {
    const host = await manager.open(setting)
    try {
      await host.query(askManager())
      return { host, passed }
    } catch (error) {
      await host[Symbol.asyncDispose]()
      if (!undoing) setting.signal.throwIfAborted()
      if (!isFault(error)) throw error
      passed.push(error)
    }
  }
  const leaderless = passed.find(({ code }) => code === 'SWARM_WITHOUT_QUORUM')
  if (leaderless) throw leaderless
  throw swarmFaults.MANAGERS_UNREACHABLE({ why: passed.map(({ message }) => message) })
}
