import { fillSlot } from '../slots/fill.ts'
import type { Parts } from './context.ts'
import type { StopIdle } from './stop-idle.ts'
import type { Upload } from './upload.ts'

export type StartIdle<S extends string> = ReturnType<typeof startIdle<S>>

export const startIdle = <S extends string>({ task }: Parts<S>, upload: Upload<S>, stopIdle: StopIdle<S>) =>
  task('Start the new release in the idle slot', {
    needs: [upload, stopIdle],
    async run({ runtime, environment, release, idle, note, ...ground }) {
      await fillSlot(ground, idle, release, environment(idle))
      await runtime.start(release, idle)
      note(`${release.name} in ${idle.name}`)
    },
    async undo({ runtime, idle, note }) {
      await runtime.stop(idle)
      note(`${idle.name} is down`)
    },
  })
