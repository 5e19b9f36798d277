import { capture } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { pluralize } from '../../slots/format.ts'
import { append, recorded } from '../../slots/journal/journal.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { KEPT, prunable, prune as pruneScript } from '../../slots/upload/release.ts'
import type { TaskDeps } from '../context.ts'
import type { TakeLock } from '../steps/take-lock.ts'

const keep = arg
  .integer(`How many of the newest releases to keep (default ${KEPT}, as a deploy does)`, { least: 0 })
  .optional()

export const prune = <S extends string>({ task }: TaskDeps<S>, takeLock: TakeLock<S>) =>
  task('Remove old releases that no slot uses', {
    description:
      'Keeps the newest releases, those of both slots, running or not, and the release of the newest migration. Also removes what interrupted\n' +
      'uploads left behind more than a day ago. --dry-run lists what would be removed.',
    examples: ['prune', 'prune --keep 2', 'prune --dry-run'],
    args: { keep },
    needs: [takeLock],
    async run({ host, layout, runtime, deploy, keep = KEPT, dryRun, log, note, show }) {
      const [, listed] = await host.all([assertSetUp(layout), capture(prunable(layout, keep))])
      const event = { event: 'prune', slot: '' } as const
      const printed = await recorded({ host, layout, deploy }, event, () =>
        host.capture(pruneScript(layout, keep, runtime)),
      )
      const removed = (dryRun ? listed : printed).split('\n').filter(Boolean)
      for (const name of removed) log(`${dryRun ? 'would remove' : 'removed'} ${name}`)
      note(
        removed.length === 0
          ? 'none'
          : `${pluralize(removed.length, 'release')}${dryRun ? ', not removed in a dry run' : ''}`,
      )
      show(
        removed.length === 0
          ? 'There is nothing to remove.'
          : [`${dryRun ? 'Would remove' : 'Removed'}:`, ...removed].join('\n  '),
        { removed, keep },
      )
      if (removed.length === 0) return
      const why = `${pluralize(removed.length, 'release')}: ${removed.join(', ')}`
      await host.query(append(layout, deploy, { ...event, result: 'done', why }))
    },
  })
