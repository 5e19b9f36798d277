import { arg } from '../../runner/cli/args.ts'
import { append } from '../../slots/journal/journal.ts'
import { close, open } from '../../slots/lock/maintenance.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const lock = <S extends string>({ task }: TaskDeps<S>, takeLock: TakeLock<S>) =>
  task('Close the host for deploys', {
    description:
      'Until `unlock`, everybody who runs setup, deploy, promote, migrate or retire is refused and shown the reason.\n' +
      'The site stays open: `maintenance` closes that.',
    examples: ['lock "new disks"', 'lock --reason "new disks"'],
    args: { reason: arg.text('The reason to show to others') },
    needs: [takeLock],
    async run({ host, layout, deploy, reason, dryRun, note }) {
      await host.query(assertSetUp(layout))
      await close(host, layout, deploy, reason)
      await host.query(append(layout, deploy, { event: 'lock', slot: '', result: 'done', why: reason }))
      note(dryRun ? 'not closed in a dry run' : reason)
    },
  })

export const unlock = <S extends string>({ task }: TaskDeps<S>) =>
  task('Open the host for deploys again', {
    changes: true,
    async run({ host, layout, deploy, dryRun, note }) {
      await host.query(assertSetUp(layout))
      const previous = await open(host, layout)
      if (!previous) return note('it was open')
      await host.query(append(layout, deploy, { event: 'unlock', slot: '', result: 'done', why: previous.reason }))
      const closed = `${previous.by} closed it at ${previous.since}: ${previous.reason}`
      note(dryRun ? `${closed}; not opened in a dry run` : closed)
    },
  })
