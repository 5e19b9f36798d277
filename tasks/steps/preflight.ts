import { pluralize } from '../../slots/format.ts'
import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { checkTable } from '../../slots/preflight/checks.ts'
import { assertFit, preflight as runChecks } from '../../slots/preflight/preflight.ts'
import type { TaskDeps } from '../context.ts'
import type { Build } from './build.ts'
import { force, promoting } from './switch-traffic.ts'

export type Preflight<S extends string> = ReturnType<typeof preflight<S>>

export const preflight = <S extends string>({ task }: TaskDeps<S>, build: Build<S>) =>
  task('Check the host', {
    description:
      'All checks of `doctor`, and the disk space for this artifact. If a check fails, only the journal has been written.',
    needs: [build],
    args: { promote: promoting, force },
    async run({ promote, force, artifact, contents, releaseUpload, log, note, ...context }) {
      const { release } = releaseUpload
      // Sent with the checks, so that finding out what to upload costs no further round trip.
      releaseUpload.prefetch()
      const { host, layout } = context
      // A bad release is refused before the idle slot is stopped for it.
      const known = promote && !force ? assertNotBad(layout, release.name) : undefined
      const [checked, allowed] = await Promise.allSettled([
        runChecks(context, { release, space: contents.diskUsage() }),
        known && host.query(known),
      ])
      if (checked.status === 'rejected') throw checked.reason
      const checks = checked.value
      const table = checkTable(checks)
      log(table)
      const event = { event: 'deploy', slot: '', release: release.name, revision: artifact.revision } as const
      await recorded(context, event, async () => assertFit(host, checks, table))
      if (allowed.status === 'rejected') throw allowed.reason
      const warned = checks.filter(check => check.result === 'warn')
      note(
        warned.length === 0
          ? `${pluralize(checks.length, 'check')} passed`
          : warned.map(({ message }) => message).join('; '),
      )
    },
  })
