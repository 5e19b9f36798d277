import { pluralize } from '../../slots/format.ts'
import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { checkTable } from '../../slots/preflight/checks.ts'
import { assertFit, preflight as look } from '../../slots/preflight/preflight.ts'
import type { TaskDeps } from '../context.ts'
import type { Build } from './build.ts'
import { force, promoting } from './switch-traffic.ts'

export type Preflight<S extends string> = ReturnType<typeof preflight<S>>

export const preflight = <S extends string>({ task }: TaskDeps<S>, build: Build<S>) =>
  task('Check the host', {
    description:
      'All checks of `doctor`, and room for this artifact. When it refuses, a line of the journal is all that was written.',
    needs: [build],
    args: { promote: promoting, force },
    async run({ promote, force, artifact, contents, sending, log, note, ...ground }) {
      const { release } = sending
      // The host looks meanwhile what it has of it, so that an upload costs no more round trip for that.
      sending.prefetch()
      const { host, layout } = ground
      // A release that proved unfit is refused before it costs the idle slot what runs there.
      const known = promote && !force ? assertNotBad(layout, release.name) : undefined
      const [checked, fine] = await Promise.allSettled([
        look(ground, { release, space: contents.diskUsage() }),
        known && host.query(known),
      ])
      if (checked.status === 'rejected') throw checked.reason
      const checks = checked.value
      const table = checkTable(checks)
      log(table)
      const event = { event: 'deploy', slot: '', release: release.name, revision: artifact.revision } as const
      await recorded(ground, event, async () => assertFit(host, checks, table))
      if (fine.status === 'rejected') throw fine.reason
      const warned = checks.filter(check => check.result === 'warn')
      note(
        warned.length === 0
          ? `${pluralize(checks.length, 'check')}, all good`
          : warned.map(({ message: said }) => said).join('; '),
      )
    },
  })
