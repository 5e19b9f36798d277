/** Where a deploy has its release from: an upload, or the host, which may have it from an earlier deploy. */

import type { Release } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { DiskUsage } from './contents.ts'
import { type Listed, releasesTable } from './listed.ts'

export interface ReleaseSource {
  readonly release: Release
  /** Source revision, when known. */
  readonly revision: string | undefined
  /** Lets the host find out what has to be uploaded, if anything. Nothing is written there. */
  prefetch(): void
  /** The disk space that the release still needs on the host; undefined if it needs none, or if that is not known. */
  diskUsage(): Promise<DiskUsage | undefined>
  /**
   * Called if the release was removed while the run waited for the lock, or for another reason that `why` tells: uploads it again.
   *
   * @throws `RELEASE_GONE` if it came from the host
   */
  again(log: (line: string) => void, why?: string): Promise<unknown>
}

/** A release that is on the host, with nothing to upload. */
export const releaseOnHost = (host: string, release: Release, revision?: string | null): ReleaseSource => ({
  release,
  revision: revision ?? undefined,
  prefetch: () => undefined,
  diskUsage: async () => undefined,
  again: async () => {
    throw slotFaults.RELEASE_GONE({ host, release: release.name })
  },
})

/** The version in the name of a release: `0.1.1` of `0.1.1-3fa9c21`. */
const versionOf = (name: string): string => name.replace(/-[0-9a-f]{7}$/, '')

/**
 * The release of a host with a name, or the only one with a version.
 *
 * @param wanted a version such as `0.1.1`, or a whole name such as `0.1.1-3fa9c21`
 * @throws `RELEASE_UNKNOWN`, `RELEASE_AMBIGUOUS`; `RECORD_UNREADABLE` if its record is damaged
 */
export function chooseRelease(host: string, listed: readonly Listed[], wanted: string, layout: Layout): ReleaseSource {
  const exact = listed.filter(({ name }) => name === wanted)
  const found = exact.length > 0 ? exact : listed.filter(({ name }) => versionOf(name) === wanted)
  const [chosen] = found
  if (!chosen) throw slotFaults.RELEASE_UNKNOWN({ host, wanted, table: releasesTable(listed, undefined) })
  if (found.length > 1)
    throw slotFaults.RELEASE_AMBIGUOUS({
      host,
      wanted,
      names: found.map(({ name }) => name),
      table: releasesTable(found, undefined),
    })
  const { name, version, sha256, revision } = chosen
  const dir = layout.release(name)
  if (version === null || sha256 === null) throw slotFaults.RECORD_UNREADABLE({ path: `${dir}/release.json` })
  return releaseOnHost(host, { name, version, sha256, dir }, revision)
}
