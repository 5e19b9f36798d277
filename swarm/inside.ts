/** Runs commands in a running task of a slot, wherever the engine has placed it. */
import type { Host } from '../host/host.ts'
import { quote } from '../host/script.ts'
import { slotFaults } from '../slots/faults.ts'
import { running } from './cluster.ts'
import type { SwarmContext } from './context.ts'
import { swarmFaults } from './faults.ts'
import { nodeTransport } from './image.ts'

/** A task, and the node that it runs on. */
export interface Inside {
  readonly host: Host
  readonly node: string
  /** A command line of bash that runs these words in the container of the task. */
  command(words: readonly string[], terminal: boolean): string
}

/**
 * Calls `use` with a running task: one on the manager if there is one, else one on another node, which it logs in to.
 *
 * @param named the live slot if undefined
 * @throws NO_SLOT_LIVE, NO_TASK_RUNS, and the faults of connecting
 */
export async function inTask<T>(
  { host, setting, definition, ...context }: SwarmContext,
  named: string | undefined,
  use: (inside: Inside) => Promise<T>,
): Promise<T> {
  const { here, nodes, slots, records } = await context.cluster()
  const slot = named ?? records?.live?.slot
  if (slot === undefined) throw slotFaults.NO_SLOT_LIVE({})
  const tasks = running(slots.get(slot)?.tasks ?? []).filter(({ container }) => container !== undefined)
  const found = tasks.find(({ node }) => node === here) ?? tasks[0]
  const node = nodes.find(({ id }) => id === found?.node)
  if (!found || !node) throw swarmFaults.NO_TASK_RUNS({ slot })
  const command = (words: readonly string[], terminal: boolean) =>
    ['docker', 'exec', '--interactive', ...(terminal ? ['--tty'] : []), found.container ?? '', ...words]
      .map(quote)
      .join(' ')
  if (node.id === here) return use({ host, node: node.name, command })
  const { nodes: reached } = definition
  await using other = await (await nodeTransport({ host, ...(reached && { nodes: reached }) }, node)).open(setting)
  return await use({ host: other, node: node.name, command })
}
