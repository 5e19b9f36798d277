import { caught } from '../../host/query.ts'
import { compareEnvironment, reportComparison } from '../../slots/environment/compare.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

export const envDiff = <S extends string>({ task, slot }: TaskDeps<S>) =>
  task('Compare the environment with that of the slots on the host', {
    description:
      'Lists by name which variables the next deploy would add, change or remove in each slot, or in --slot; never a value. Exits with 0\n' +
      'whether or not something differs; --json has `differs` for scripts. A slot gets the variables at its next deploy, not before.',
    examples: ['env-diff', 'env-diff --slot green --json'],
    args: { slot: slot.optional() },
    secrets: true,
    async run({ host, layout, slots, router, variables, slot, note, show }) {
      const asked = slot ? [slot] : slots.all
      const [, { value: route }, ...compared] = await host.all([
        assertSetUp(layout),
        // The comparison is useful even if the router cannot be read.
        caught(router.live()),
        ...asked.map(one => compareEnvironment(layout, one, variables(one))),
      ])
      reportComparison({ note, show }, compared, route?.slot)
    },
  })
