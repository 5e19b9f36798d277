/**
 * A release is uploaded, or found on the host, before the lock is taken. A run that holds the lock meanwhile may prune it, so its presence is checked
 * again under the lock, and the release is uploaded again if it is gone.
 */

import type { Pipeline } from '../../host/host.ts'
import type { Deps } from '../deps.ts'
import { releaseThere } from './release.ts'
import type { ReleaseSource } from './source.ts'

/**
 * Runs `work` with a pipeline whose first query checks that the release is on the host. If the release is gone, the queries behind that check are
 * skipped, the release is uploaded, and `work` is called again with a new pipeline.
 *
 * @throws `RELEASE_GONE` if the release is gone and there is nothing to upload it from
 */
export async function withRelease<T>(
  { host, layout, log }: Pick<Deps, 'host' | 'layout' | 'log'>,
  source: ReleaseSource,
  work: (batch: Pipeline) => Promise<T>,
): Promise<T> {
  const { release } = source
  const batch = host.pipeline()
  const [present, result] = await Promise.allSettled([batch.add(releaseThere(layout, release)), work(batch)])
  if (present.status === 'rejected') throw present.reason
  if (present.value) {
    if (result.status === 'rejected') throw result.reason
    return result.value
  }
  await source.again(log)
  return work(host.pipeline())
}
