/** An artifact becomes a release on the host: sent, looked at, unpacked, named. */
import { basename, posix } from 'node:path'
import type { Host } from '../host/host.ts'
import type { Artifact, Release } from './contracts.ts'
import { slotFaults } from './faults.ts'
import type { Deploy } from './journal.ts'
import type { Layout } from './layout.ts'
import { type ReleaseRecord, releaseRecord, UNPACK_REFUSED, unpack } from './release.ts'
import { assertSetUp } from './setup.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  readonly deploy: Deploy
  log(line: string): void
}

/**
 * Resolves to whether anything was sent: a release that is there, with the same content, is left as it is.
 * Throws `NOT_SET_UP`, `RELEASE_NO_ROOM`, or `ARTIFACT_REFUSED` when the artifact holds what no release may hold; then nothing of it is kept.
 */
export async function uploadRelease(ground: Ground, artifact: Artifact, release: Release): Promise<boolean> {
  const { host, layout, deploy, log } = ground
  await assertSetUp(host, layout)
  if ((await host.ask(releaseRecord(release))) !== '') return false
  const incoming = posix.join(layout.releases, `.${release.name}.${deploy.id}.tar.gz`)
  const work = posix.join(layout.releases, `.${release.name}.${deploy.id}`)
  await host.put(artifact.path, incoming, { mode: 0o600, onProgress: progress(log) })
  const record: ReleaseRecord = {
    version: artifact.version,
    sha256: artifact.sha256,
    revision: artifact.revision ?? null,
    by: deploy.by,
    at: new Date().toISOString(),
  }
  const script = unpack(release, incoming, work)
  const { code, stderr } = await host.run(script, { input: `${JSON.stringify(record, null, 2)}\n` })
  if (code !== 0 && /No space left on device|Disk quota exceeded/.test(stderr))
    throw slotFaults.RELEASE_NO_ROOM({
      host: host.name,
      release: release.name,
      detail: stderr.trim().split('\n').slice(-3).join('\n'),
    })
  if (code !== 0)
    throw slotFaults.ARTIFACT_REFUSED({
      artifact: basename(artifact.path),
      why: UNPACK_REFUSED[code] ?? `unpacking it ended with ${code}`,
      detail: stderr,
    })
  return true
}

/** One line for each tenth of the way. */
function progress(log: (line: string) => void) {
  let tenths = -1
  return (sent: number, total: number) => {
    const now = total === 0 ? 10 : Math.floor((10 * sent) / total)
    if (now === tenths) return
    tenths = now
    log(`${megabytes(sent)} of ${megabytes(total)} MB`)
  }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
