import { relay } from '../../host/relay.ts'
import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { readRecord } from '../../slots/state/slot-record.ts'
import { whereLine } from '../chosen-host.ts'
import { namedOrLive } from '../chosen-slot.ts'
import type { TaskDeps } from '../context.ts'

export const exec = <S extends string>({ task, slot, several }: TaskDeps<S>) =>
  task("Run a command in a slot's release", {
    description:
      "In the folder of the release, with the slot's environment, as the application's user, whether the slot runs or not. Without --slot, in the\n" +
      'live one. In a terminal the command has it; otherwise it reads standard input, and its lines are printed without secrets and terminal\n' +
      'codes. Exits with the exit code of the command. Takes no lock. With several hosts it runs on each of them; in a terminal on the first one, or\n' +
      'on the one that --host names.',
    examples: ['exec -- ls -l', 'exec --slot green -- bin/rails runner Cleanup.run', 'exec -- bash'],
    args: {
      slot: slot.optional(),
      command: arg.rest('The command and its arguments, as they are', 'command'),
    },
    interactive: 'if there is one',
    streams: true,
    async run({ host, layout, runtime, slots, readings, slot, command, terminal, fleet, print }) {
      if (!runtime.exec) throw slotFaults.CANNOT({ verb: 'exec' })
      const chosen = await namedOrLive({ slots, readings }, slot)
      const [, record] = await host.all([assertSetUp(layout), readRecord(layout, chosen)])
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: chosen.name })
      const script = runtime.exec(chosen, command)
      if (terminal) {
        if (several) print(whereLine(fleet), { to: 'stderr' })
        return { exitCode: await host.attach(script.text) }
      }
      return relay(host, script, { print, data: { slot: chosen.name } })
    },
  })
