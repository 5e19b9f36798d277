/** Copies a release from one host of a fleet to another, through this machine. It is complete: with its manifest, and as it was prepared. */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, commandFailed } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { defineRemove, makeWayFor, workFolder } from './receive.ts'
import { releaseRecord, releaseRecordIn } from './release.ts'

type CopyDeps = Pick<Deps, 'host' | 'layout' | 'deploy'>

/** Whether the host has the release with this content. */
export const hasRelease = async ({ host }: Pick<Deps, 'host'>, release: Release): Promise<boolean> =>
  releaseRecordIn(await host.query(capture(releaseRecord(release)))).sha256 === release.sha256

const archiveOf = ({ layout, deploy }: CopyDeps, release: Release): string =>
  `${workFolder(layout, release, deploy.id)}.copy`

/** Packs a release of the host, and copies it to a file of this machine. */
export async function fetchRelease(deps: CopyDeps, release: Release, local: string): Promise<void> {
  const archive = archiveOf(deps, release)
  try {
    await deps.host.capture({
      ...sh.write`umask 077; tar -C ${release.dir} --exclude=./.upload -I 'gzip -1' -cf ${archive} .`,
      label: `packing of ${release.name}`,
    })
    await deps.host.get(archive, local)
  } finally {
    await deps.host.run(sh.write`rm -f -- ${archive}`)
  }
}

/** @throws CATCH_UP_IMPOSSIBLE if the host lacks a shared path of the release */
export async function placeRelease(deps: CopyDeps, release: Release, local: string): Promise<void> {
  const { host } = deps
  const archive = archiveOf(deps, release)
  await host.put(local, archive, { mode: 0o600 })
  const script = unpackCopy(deps, release, archive)
  const output = await host.run(script)
  if (output.code === EXIT.release.notShared)
    throw slotFaults.CATCH_UP_IMPOSSIBLE({
      host: host.name,
      why: `it has no ${output.stdout.trim()}, which ${release.name} shares`,
      next: 'Copy that folder from another host.',
    })
  if (output.code === EXIT.receive.damaged)
    throw slotFaults.CATCH_UP_IMPOSSIBLE({
      host: host.name,
      why: `the copy of ${release.name} is another release`,
      next: 'Run `npx task doctor`, or deploy to all hosts.',
    })
  if (output.code !== 0) throw commandFailed(host, script, output)
}

const unpackCopy = ({ layout, deploy }: CopyDeps, release: Release, archive: string): Script => ({
  ...sh.lines(
    defineRemove,
    program(new URL('./receive-copy.sh', import.meta.url), {
      writes: true,
      parameters: {
        archive,
        work: workFolder(layout, release, deploy.id, 2),
        final: release.dir,
        sha256: release.sha256,
        shared: sharedPaths(layout),
        makeWay: makeWayFor(layout, release),
        notShared: EXIT.release.notShared,
        damaged: EXIT.receive.damaged,
      },
    }),
  ),
  label: `unpacking of ${release.name}`,
})

const sharedPaths = ({ shared }: Layout): readonly string[] => shared.paths.map(path => posix.join(shared.dir, path))
