/**
 * A release is uploaded before the lock is taken, and another deploy, which we may wait for, removes old releases while it has the lock. So
 * under the lock the release is looked for again, and sent again when it is gone.
 */
import type { Host } from '../../host/host.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { GONE, NOT_SHARED, releaseThere } from './release.ts'
import type { Sending } from './upload.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  log(line: string): void
}

/**
 * Does the work when the release is there. `work` begins its scripts in the turn in which it is called: they travel with the look, and are not
 * run when the release is gone. Then it is sent, and `work` is done after that.
 */
export async function whileThere<T>(
  { host, layout, log }: Ground,
  sending: Sending,
  work: () => Promise<T>,
): Promise<T> {
  const { release } = sending
  const look = host.run(releaseThere(layout, release))
  const early = work()
  early.catch(() => undefined)
  const { code, stdout } = await look
  if (code !== GONE && code !== NOT_SHARED) return early
  await early.catch(() => undefined)
  if (code === NOT_SHARED) throw slotFaults.RELEASE_NOT_SHARED({ release, path: stdout.trim() })
  log(`${release.name} was removed while this deploy waited for the lock: it is sent again.`)
  await sending.again(log)
  return work()
}
