import type { SwarmDeps } from '../context.ts'
import { wordsOf } from '../definition.ts'
import { inTask } from '../inside.ts'

export const console = <S extends string>({ task, slot }: SwarmDeps<S>) =>
  task('Open a console in a running task of a slot', {
    description:
      'Enters a task on the manager if there is one, else a task on another node, which it reaches over SSH: as the `nodes` of the Taskfile say, or\n' +
      "at the node's address with the manager's user.",
    examples: ['console --slot green', 'console green'],
    args: { slot },
    interactive: true,
    async run({ slot, ...context }) {
      const words = wordsOf(context.definition.console ?? 'sh')
      return inTask(context, slot, async ({ host, command }) => ({
        exitCode: await host.attach(command(words, process.stdin.isTTY === true)),
      }))
    },
  })
