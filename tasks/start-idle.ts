import { append, recorded } from '../slots/journal/journal.ts'
import { fillSlot } from '../slots/start/fill.ts'
import { readRecord, writeRecord } from '../slots/truth/record.ts'
import type { Parts } from './context.ts'
import type { StopIdle } from './stop-idle.ts'
import type { Upload } from './upload.ts'

export type StartIdle<S extends string> = ReturnType<typeof startIdle<S>>

export const startIdle = <S extends string>({ task }: Parts<S>, upload: Upload<S>, stopIdle: StopIdle<S>) =>
  task('Start the new release in the idle slot', {
    needs: [upload, stopIdle],
    async run({ runtime, environment, release, artifact: { revision }, idle, note, ...ground }) {
      const event = { event: 'deploy', slot: idle.name, release: release.name, revision } as const
      const changed = await recorded(ground, event, async () => {
        const words = await fillSlot(ground, idle, { release, revision }, environment(idle))
        await runtime.start(release, idle)
        return words
      })
      note([`${release.name} in ${idle.name}`, changed].filter(Boolean).join('; '))
    },
    async undo({ host, layout, deploy, runtime, release, idle, note }) {
      await runtime.stop(idle)
      const record = await readRecord(host, layout, idle)
      if (record?.deploy === deploy.id) await writeRecord(host, layout, { ...record, state: 'stopped' })
      await append(host, layout, deploy, { event: 'deploy', slot: idle.name, release: release.name, result: 'undone' })
      note(`${idle.name} is down`)
    },
  })
