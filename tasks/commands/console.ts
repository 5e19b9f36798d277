import { slotFaults } from '../../slots/faults.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

export const console = <S extends string>({ task, slot }: TaskDeps<S>) =>
  task("Open a remote console in a slot's running application", {
    examples: ['console --slot green', 'console green'],
    args: { slot },
    interactive: true,
    async run({ host, layout, runtime, slot }) {
      if (!runtime.console) throw slotFaults.CANNOT({ verb: 'console' })
      const [, process] = await host.all([assertSetUp(layout), runtime.process(slot)])
      if (process.state !== 'running') throw slotFaults.SLOT_DOWN({ slot: slot.name, state: process.state, log: '' })
      return { exitCode: await host.attach(runtime.console(slot)) }
    },
  })
