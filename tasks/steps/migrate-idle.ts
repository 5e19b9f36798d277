import { slotFaults } from '../../slots/faults.ts'
import { migrating } from '../../slots/promote/arguments.ts'
import type { TaskDeps } from '../context.ts'
import type { CheckIdle } from './check-idle.ts'
import type { DetectLive } from './detect-live.ts'
import { runMigrations } from './run-migrations.ts'

/** The migrations of a deploy. If they fail, the deploy is undone: the idle slot is stopped, and the live slot stays as it was. */
export const migrateIdle = <S extends string>(
  { task }: TaskDeps<S>,
  detectLive: DetectLive<S>,
  checked: CheckIdle<S>,
) => {
  const step = task('Run the migrations of the new release', {
    once: true,
    needs: [detectLive, checked],
    args: { migrate: migrating },
    async run({ idle, healthy, ...context }) {
      if (!context.runtime.migrate) throw slotFaults.CANNOT({ verb: 'migrate' })
      if (!healthy) return context.note('not run in a dry run')
      await runMigrations({ ...context, dryRun: false }, idle, healthy, `${healthy.release.name} in ${idle.name}`)
    },
  })
  return { ...step, when: (values: object) => 'migrate' in values && values.migrate === true }
}
