import { relay } from '../../host/relay.ts'
import { arg } from '../../runner/cli/args.ts'
import type { SwarmDeps } from '../context.ts'
import { inTask } from '../inside.ts'

export const exec = <S extends string>({ task, slot }: SwarmDeps<S>) =>
  task('Run a command in a running task of a slot', {
    description:
      'In one task of the slot, or of the live one without --slot; on the manager if it has one, else on another node, as `console`. In a terminal\n' +
      'the command has it; otherwise it reads standard input, and its lines are printed without secrets and terminal codes. Exits with the exit\n' +
      'code of the command. Takes no lock.',
    examples: ['exec -- ls -l', 'exec --slot green -- bin/rails runner Cleanup.run', 'exec -- bash'],
    args: {
      slot: slot.optional(),
      command: arg.rest('The command and its arguments, as they are', 'command'),
    },
    interactive: 'if there is one',
    streams: true,
    async run({ slot, command, terminal, print, ...context }) {
      return inTask(context, slot, async ({ host, node, command: inside }) => {
        const text = inside(command, terminal)
        if (terminal) return { exitCode: await host.attach(text) }
        return relay(host, { text: `exec ${text}`, writes: true }, { print, data: { node } })
      })
    },
  })
