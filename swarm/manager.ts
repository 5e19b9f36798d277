/** The manager that a run talks to: the first of the Taskfile that answers. */
import type { Host, HostSetting, Transport } from '../host/host.ts'
import type { Asked, Query } from '../host/query.ts'
import { sh } from '../host/script.ts'
import { type Fault, isFault } from '../runner/fault.ts'
import { nodesFrom } from './cluster.ts'
import type { AnySwarmDefinition } from './definition.ts'
import { askEngine, LEADERLESS, replies } from './engine.ts'
import { swarmFaults } from './faults.ts'
import { assertAttachable } from './router/control.ts'

export const managersOf = ({ manager }: Pick<AnySwarmDefinition, 'manager'>): readonly Transport[] => [manager].flat()

/** The engine waits for a leader before it answers, up to 20 s. @throws ENGINE_UNREACHABLE, NOT_A_MANAGER, SWARM_WITHOUT_QUORUM */
export function askManager(): Query<void> {
  const script = { ...askEngine(['/info']), label: 'docker info' }
  return {
    script,
    read(output, host) {
      const [info] = replies(output, host, script)
      managerIn(info?.body, host)
    },
  }
}

/** As `askManager`, for one that has to take part in a switch. @throws MANAGER_TAKEN_OUT, and as `askManager` */
export function askActiveManager(): Query<void> {
  // One without a leader has taken 20 s to say so, and would take them again.
  const nodes = sh.read`if [[ $said == *'"Error":""'* ]]; then api /nodes; fi`
  const script = { ...sh.lines(askEngine(['/info']), nodes), label: 'docker info, docker node ls' }
  return {
    script,
    read(output, host) {
      const [info, nodes] = replies(output, host, script)
      const here = managerIn(info?.body, host)
      assertAttachable({ here, nodes: nodesFrom(JSON.parse(nodes?.body ?? '[]')) })
    },
  }
}

/** The id of its node. */
function managerIn(info: string | undefined, { name }: Pick<Asked, 'name'>): string {
  const { Swarm } = JSON.parse(info ?? '{}') as {
    Swarm?: { NodeID?: string; ControlAvailable?: boolean; Error?: string }
  }
  if (!Swarm?.ControlAvailable) throw swarmFaults.NOT_A_MANAGER({ host: name })
  if (LEADERLESS.test(Swarm.Error ?? '')) throw swarmFaults.SWARM_WITHOUT_QUORUM({ host: name, why: Swarm.Error ?? '' })
  return Swarm.NodeID ?? ''
}

export interface Opened {
  readonly host: Host
  /** Those that were asked before it, and why each of them is of no use. */
  readonly passed: readonly Fault[]
}

/**
 * A single manager is not asked first: its first command tells whether it answers. One that the others do not hear has no leader, while they have one. One that an
 * operator has taken out cannot reach the routers: it is taken if none is better, because some commands need only its engine.
 *
 * @throws MANAGERS_UNREACHABLE; SWARM_WITHOUT_QUORUM if the best that any of them says is that it has no leader; and the faults of a single one
 */
export async function openManager(managers: readonly Transport[], setting: HostSetting): Promise<Opened> {
  const [only, ...more] = managers
  if (only && more.length === 0) return { host: await only.open(setting), passed: [] }
  // The undo of a run that was aborted opens one, too.
  const undoing = setting.signal.aborted
  const passed: Fault[] = []
  let takenOut: Host | undefined
  let chosen: Host | undefined
  try {
    for (const manager of managers) {
      const host = await manager.open(setting)
      try {
        await host.query(askActiveManager())
        chosen = host
        return { host, passed }
      } catch (error) {
        if (!takenOut && isFault(error) && error.code === 'MANAGER_TAKEN_OUT') takenOut = host
        else await host[Symbol.asyncDispose]()
        if (!undoing) setting.signal.throwIfAborted()
        if (!isFault(error)) throw error
        passed.push(error)
      }
    }
    chosen = takenOut
    if (chosen) return { host: chosen, passed: passed.filter(({ code }) => code !== 'MANAGER_TAKEN_OUT') }
  } finally {
    if (takenOut !== chosen) await takenOut?.[Symbol.asyncDispose]()
  }
  const leaderless = passed.find(({ code }) => code === 'SWARM_WITHOUT_QUORUM')
  if (leaderless) throw leaderless
  throw swarmFaults.MANAGERS_UNREACHABLE({ why: passed.map(({ message }) => message) })
}
