import { recorded } from '../../slots/journal/journal.ts'
import type { TaskDeps } from '../context.ts'
import type { Build } from './build.ts'

export type Upload<S extends string> = ReturnType<typeof upload<S>>

export const upload = <S extends string>({ task }: TaskDeps<S>, build: Build<S>) =>
  task('Upload the release', {
    description: 'A release that is already on the host, by version and content, is left as it is.',
    needs: [build],
    async run({ artifact: { revision }, sending, dryRun, log, note, ...ground }) {
      const { release } = sending
      const event = { event: 'deploy', slot: '', release: release.name, revision } as const
      const sent = await recorded(ground, event, () => sending.send(log))
      note(sent ? `${release.name}${dryRun ? ', not sent in a dry run' : ''}` : `${release.name} is already there`)
      return { release }
    },
  })
