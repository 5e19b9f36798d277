import { lockWait, lockWaitOf } from '../../slots/lock/wait.ts'
import type { SwarmDeps } from '../context.ts'
import { readLive } from '../reading.ts'

export type TakeLock = ReturnType<typeof takeLock>
export type DetectLive = ReturnType<typeof detectLive>

/** Required by every step that changes something. The lock is released when the run ends, for whatever reason. */
export const takeLock = ({ task }: SwarmDeps) =>
  task('Take the lock', {
    args: { lockWait },
    changes: true,
    async run({ lockWait, takeLock, ...context }) {
      await takeLock(lockWaitOf(lockWait, context))
      if (context.dryRun) context.note('not taken in a dry run')
    },
  })

export const detectLive = ({ task }: SwarmDeps, locked: TakeLock) =>
  task('Ask the routers which slot is live', {
    needs: [locked],
    async run({ note, ...context }) {
      const state = await readLive(context)
      note(state.live ?? 'no slot is live yet')
      return { liveState: state }
    },
  })
