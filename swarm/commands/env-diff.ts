import { reportComparison } from '../../slots/environment/compare.ts'
import type { SwarmDeps } from '../context.ts'
import { compareVariables, readVariables } from '../variables.ts'

export const envDiff = <S extends string>({ task, slot }: SwarmDeps<S>) =>
  task('Compare the variables with those of the slots in the swarm', {
    description:
      'Lists by name which variables the next deploy would add, change or remove in each slot, or in --slot; never a value. Exits with 0\n' +
      'whether or not something differs; --json has `differs` for scripts. A slot gets the variables at its next deploy, not before.',
    examples: ['env-diff', 'env-diff --slot green --json'],
    args: { slot: slot.optional() },
    secrets: true,
    async run({ app, host, slots, slot, note, show, ...context }) {
      const asked = slot ? [slot] : slots
      const { records } = await context.cluster()
      const there = await host.query(readVariables(app, asked))
      const compared = asked.map(one => compareVariables(one, context.variables(one), there.get(one)))
      reportComparison({ note, show }, compared, records?.live?.slot)
    },
  })
