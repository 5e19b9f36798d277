import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { namedOrLive } from '../chosen-slot.ts'
import type { TaskDeps } from '../context.ts'

export const rpc = <S extends string>({ task, slot }: TaskDeps<S>) =>
  task("Evaluate an expression in a slot's running application", {
    description: 'Prints what the expression prints. Without --slot, in the live slot. Takes no lock.',
    examples: ["rpc 'IO.puts(node())'", "rpc --slot green 'IO.inspect(:erlang.memory())'"],
    args: { expression: arg.text('The expression'), slot: slot.optional() },
    streams: true,
    async run({ host, layout, runtime, slots, readings, slot, expression, print }) {
      if (!runtime.rpc) throw slotFaults.CANNOT({ verb: 'rpc' })
      const chosen = await namedOrLive({ slots, readings }, slot)
      const [, process] = await host.all([assertSetUp(layout), runtime.process(chosen)])
      if (process.state !== 'running') throw slotFaults.SLOT_DOWN({ slot: chosen.name, state: process.state, log: '' })
      const output = await host.query(runtime.rpc(chosen, expression))
      if (output !== '') for (const line of output.split('\n')) print(line, { data: { slot: chosen.name } })
    },
  })
