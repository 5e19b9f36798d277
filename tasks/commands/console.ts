import { slotFaults } from '../../slots/faults.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { whereLine } from '../chosen-host.ts'
import type { TaskDeps } from '../context.ts'

export const console = <S extends string>({ task, slot, several }: TaskDeps<S>) =>
  task("Open a remote console in a slot's running application", {
    description: 'With several hosts it opens on the first one, or on the one that --host names.',
    examples: ['console --slot green', 'console green'],
    args: { slot },
    interactive: true,
    async run({ host, layout, runtime, slot, fleet, print }) {
      if (!runtime.console) throw slotFaults.CANNOT({ verb: 'console' })
      const [, process] = await host.all([assertSetUp(layout), runtime.process(slot)])
      if (process.state !== 'running') throw slotFaults.SLOT_DOWN({ slot: slot.name, state: process.state, log: '' })
      if (several) print(whereLine(fleet), { to: 'stderr' })
      return { exitCode: await host.attach(runtime.console(slot)) }
    },
  })
