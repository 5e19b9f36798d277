/**
 * Releases on a host: immutable folders, named after version and content. An artifact always gets the same name, so deploying it again
 * finds the existing release and does not touch one that runs.
 */

import { createHash } from 'node:crypto'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Artifact, Release, Runtime } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { validateName } from '../names.ts'
import { defineRemove, linkShared, makeWayFor, refuseOutside } from './receive.ts'

/** The contents of `release.json`. */
export interface ReleaseRecord {
  readonly version: string
  readonly sha256: string
  readonly revision: string | null
  /** Identifies how the release has to be prepared before its first start; missing if it need not be. */
  readonly prepare?: string | undefined
  readonly by: string
  /** ISO 8601, UTC. */
  readonly at: string
}

/** `prepare`: the key of its preparation. The same artifact, prepared in another way, is another release. */
export function releaseOf(
  { version, sha256: packed }: Pick<Artifact, 'version' | 'sha256'>,
  layout: Layout,
  prepare?: string,
): Release {
  const sha256 = prepare === undefined ? packed : createHash('sha256').update(`${packed} ${prepare}`).digest('hex')
  const name = `${validateName('version', version)}-${sha256.slice(0, 7)}`
  return { name, version, sha256, dir: layout.release(name) }
}

/** Prints the record of the release if the release exists and is complete: the record is written last. */
export const releaseRecord = (release: Release): Script =>
  sh.read`cat ${`${release.dir}/release.json`} 2>/dev/null || true`

/** The reason why an artifact was refused, by exit code of `unpack` and `receive`, which is also the code of a `Refusal`. */
export const UNPACK_REFUSED: Readonly<Record<number, string>> = {
  [EXIT.artifact.outsideName]: 'it contains an absolute name, or one with ".." in it',
  [EXIT.artifact.outsideLink]: 'it contains a link that points out of the release',
  [EXIT.artifact.oddFile]: 'it contains something that is neither a file nor a folder nor a link',
  [EXIT.artifact.noArchive]: 'it cannot be read as a tar archive',
  [EXIT.artifact.oddName]: 'it contains a name with a control character, or one that is not UTF-8',
  [EXIT.artifact.ourName]:
    'it contains a reserved name: switchyard itself writes release.json, .manifest, .prepared and .upload at the top of a release',
  [EXIT.artifact.notAsListed]: 'its unpacked contents differ from its listing',
}

/** Unpacks, on the host, an archive that cannot be read on this machine; `receive` handles all others. Reads the record from standard input. */
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
  return sh.lines(defineRemove, program(new URL('./unpack.sh', import.meta.url), { writes: true, parameters }))
}

/**
 * Whether the release exists and is complete. If not, the queries behind this one in a pipeline are skipped.
 * @throws `RELEASE_NOT_SHARED` if the release was uploaded before the Taskfile named a shared path.
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

/** Parses a `release.json`; an empty object if it is invalid. */
export function releaseRecordIn(text: string): Partial<ReleaseRecord> {
  try {
    return JSON.parse(text) as Partial<ReleaseRecord>
  } catch {
    return {}
  }
}

/** Name prefix of a release that is being removed. */
const REMOVED = '.removed.'

/** Number of releases that a host keeps. Releases that a slot runs are always kept. */
export const KEPT = 5

/** Removes what interrupted uploads left behind more than a day ago, and what an interrupted removal did. */
const sweep = sh.write`find . -mindepth 1 -maxdepth 1 \\( -name ${`${REMOVED}*`} -o -name '.*' -mmin +1440 \\) -print0 | while IFS= read -r -d '' old; do remove "$old"; done`

/** Renames the release before it is deleted: if the host loses power half way, the rest is not mistaken for a complete release. */
const discard = sh.write`mv -T -- "$name" ${REMOVED}"$name"; remove ${REMOVED}"$name"`

const pruning = (layout: Layout, keep: number, parameters: { readonly sweep: Script; readonly discard: Script }) =>
  program(new URL('./prune.sh', import.meta.url), {
    parameters: { releases: layout.releases, migration: layout.migration, from: keep + 1, ...parameters },
  })

/**
 * Removes unused releases beyond the newest `keep`, and what interrupted uploads left behind more than a day ago; then what the runtime has of releases that
 * are gone. The release of the newest migration is kept, since that may still be running.
 */
export const prune = (layout: Layout, keep = KEPT, runtime: Pick<Runtime, 'sweep'> = {}): Script =>
  sh.lines(defineRemove, pruning(layout, keep, { sweep, discard }), ...(runtime.sweep ? [runtime.sweep(false)] : []))

/** Prints the releases that `prune` would remove. */
export const prunable = (layout: Layout, keep = KEPT): Script =>
  pruning(layout, keep, { sweep: sh.read``, discard: sh.read`` })
