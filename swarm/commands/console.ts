import { quote } from '../../host/script.ts'
import { running } from '../cluster.ts'
import type { SwarmDeps } from '../context.ts'
import { wordsOf } from '../definition.ts'
import { swarmFaults } from '../faults.ts'
import { nodeTransport } from '../image.ts'

export const console = <S extends string>({ task, slot }: SwarmDeps<S>) =>
  task('Open a console in a running task of a slot', {
    description:
      'Enters a task on the manager if there is one, else a task on another node, which it reaches over SSH: as the `nodes` of the Taskfile say, or\n' +
      "at the node's address with the manager's user.",
    examples: ['console --slot green', 'console green'],
    args: { slot },
    interactive: true,
    async run({ slot, definition, host, setting, ...context }) {
      const cluster = await context.cluster()
      const tasks = running(cluster.slots.get(slot)?.tasks ?? []).filter(({ container }) => container !== undefined)
      const found = tasks.find(({ node }) => node === cluster.here) ?? tasks[0]
      const node = cluster.nodes.find(({ id }) => id === found?.node)
      if (!found || !node) throw swarmFaults.NO_TASK_RUNS({ slot })
      const words = [
        'docker',
        'exec',
        '--interactive',
        ...(process.stdin.isTTY ? ['--tty'] : []),
        found.container ?? '',
      ]
      const command = [...words, ...wordsOf(definition.console ?? 'sh')].map(quote).join(' ')
      if (node.id === cluster.here) return { exitCode: await host.attach(command) }
      await using other = await (
        await nodeTransport({ host, ...(definition.nodes && { nodes: definition.nodes }) }, node)
      ).open(setting)
      return { exitCode: await other.attach(command) }
    },
  })
