/**
 * A release is uploaded before the lock is taken, and another deploy, which we may wait for, removes old releases while it has the lock. So
 * under the lock the release is looked for again, and sent again when it is gone.
 */

import type { Pipeline } from '../../host/host.ts'
import type { Deps } from '../deps.ts'
import { releaseThere } from './release.ts'
import type { ReleaseUpload } from './upload.ts'

/**
 * Does the work when the release is there: it adds its queries to a pipeline, behind the look, and runs that. When the release is gone, none of them is
 * run; it is sent, and the work is done after that.
 */
export async function whileThere<T>(
  { host, layout, log }: Pick<Deps, 'host' | 'layout' | 'log'>,
  sending: ReleaseUpload,
  work: (batch: Pipeline) => Promise<T>,
): Promise<T> {
  const { release } = sending
  const batch = host.pipeline()
  const [there, early] = await Promise.allSettled([batch.add(releaseThere(layout, release)), work(batch)])
  if (there.status === 'rejected') throw there.reason
  if (there.value) {
    if (early.status === 'rejected') throw early.reason
    return early.value
  }
  log(`${release.name} was removed while this deploy waited for the lock: it is sent again.`)
  await sending.again(log)
  return work(host.pipeline())
}
