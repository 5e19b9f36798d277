import { recorded } from '../slots/journal/journal.ts'
import { checkTable } from '../slots/preflight/checks.ts'
import { assertFit, preflight as look } from '../slots/preflight/preflight.ts'
import { counted } from '../slots/words.ts'
import type { Build } from './build.ts'
import type { Parts } from './context.ts'

export type Preflight<S extends string> = ReturnType<typeof preflight<S>>

export const preflight = <S extends string>({ task }: Parts<S>, build: Build<S>) =>
  task('See whether the host is fit for the release', {
    about:
      'All checks of `doctor`, and room for this artifact. When it refuses, a line of the journal is all that was written.',
    needs: [build],
    async run({ artifact, contents, sending, log, note, ...ground }) {
      const { release } = sending
      // The host looks meanwhile what it has of it, so that an upload costs no more round trip for that.
      sending.announce()
      const checks = await look(ground, { release, room: contents.room() })
      const table = checkTable(checks)
      log(table)
      const event = { event: 'deploy', slot: '', release: release.name, revision: artifact.revision } as const
      await recorded(ground, event, async () => assertFit(ground.host, checks, table))
      const warned = checks.filter(check => check.result === 'warn')
      note(
        warned.length === 0
          ? `${counted(checks.length, 'check')}, all good`
          : warned.map(({ said }) => said).join('; '),
      )
    },
  })
