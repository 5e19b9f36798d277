/**
 * Releases on a host: immutable folders, named by version and content. The same artifact always has the same name, so
 * deploying it again finds the release that is there and never touches one that runs.
 */

import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Artifact, Release } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { validateName } from '../names.ts'
import { linkShared, makeWayFor, refuseOutside, removing } from './receive.ts'

/** What stands in a release's `release.json`. */
export interface ReleaseRecord {
  readonly version: string
  readonly sha256: string
  readonly revision: string | null
  readonly by: string
  /** ISO 8601, UTC. */
  readonly at: string
}

export function releaseOf(artifact: Pick<Artifact, 'version' | 'sha256'>, layout: Layout): Release {
  const name = `${validateName('version', artifact.version)}-${artifact.sha256.slice(0, 7)}`
  return { name, version: artifact.version, sha256: artifact.sha256, dir: layout.release(name) }
}

/** Prints the release's record when the release is there and whole. The record is the last file that is written. */
export const releaseRecord = (release: Release): Script =>
  sh.read`cat ${`${release.dir}/release.json`} 2>/dev/null || true`

/** Why an artifact was refused, by exit status of `unpack` and `receive`, and by the code of a `Refusal`. */
export const UNPACK_REFUSED: Readonly<Record<number, string>> = {
  [EXIT.artifact.outsideName]: 'it holds a name that is absolute or has ".." in it',
  [EXIT.artifact.outsideLink]: 'it holds a link that points outside of the release',
  [EXIT.artifact.oddFile]: 'it holds something that is neither file, folder nor link',
  [EXIT.artifact.noArchive]: 'it cannot be read as a tar archive',
  [EXIT.artifact.oddName]: 'it holds a name with a control character in it, or one that is not UTF-8',
  [EXIT.artifact.ourName]:
    'it holds a name that is ours: release.json, .manifest and .upload at its top are written by us',
  [EXIT.artifact.notAsListed]: 'what came out of it is not what its list says',
}

/** Unpacks an archive that could not be read on this machine; `receive` is for all others. The record comes in by standard input. */
export function unpack(layout: Layout, release: Release, artifact: string, work: string): Script {
  const parameters = {
    work,
    artifact,
    final: release.dir,
    refuseOutside,
    linkShared: linkShared(layout),
    makeWay: makeWayFor(layout, release),
    ...EXIT.artifact,
  }
  return sh.lines(removing, program(new URL('./unpack.sh', import.meta.url), { writes: true, parameters }))
}

/**
 * Whether the release is there, and whole: what stands behind it in a pipeline is not run when it is not. Throws `RELEASE_NOT_SHARED` when it was made
 * before the Taskfile named a shared path.
 */
export const releaseThere = ({ shared }: Layout, release: Release): Query<boolean> => {
  const { dir } = release
  const script = sh.lines(
    sh.read`[ -f ${`${dir}/release.json`} ] || exit ${GONE}`,
    ...shared.paths.map(path => sh.read`[ -L ${`${dir}/${path}`} ] || { echo ${path}; exit ${NOT_SHARED}; }`),
  )
  return {
    script,
    read(output, host) {
      if (output.code === NOT_SHARED) throw slotFaults.RELEASE_NOT_SHARED({ release, path: output.stdout.trim() })
      if (output.code !== 0 && output.code !== GONE) throw commandFailed(host, script, output)
      return output.code === 0
    },
  }
}

const { gone: GONE, notShared: NOT_SHARED } = EXIT.release

/** What a release's `release.json` says; nothing where it cannot be read. */
export function releaseRecordIn(text: string): Partial<ReleaseRecord> {
  try {
    return JSON.parse(text) as Partial<ReleaseRecord>
  } catch {
    return {}
  }
}

/** What the name of a release begins with while it is being removed. */
const REMOVED = '.removed.'

/** Releases that stay on a host; those that a slot runs stay as well. */
export const KEPT = 5

/**
 * Removes what nothing uses: releases beyond the newest `keep`, and what uploads that were cut left behind a day ago or more. One whose
 * migrations were the last to begin stays: they may still run.
 */
export const prune = (layout: Layout, keep = KEPT): Script =>
  sh.lines(
    removing,
    program(new URL('./prune.sh', import.meta.url), {
      writes: true,
      parameters: { releases: layout.releases, migration: layout.migration, removed: REMOVED, from: keep + 1 },
    }),
  )
