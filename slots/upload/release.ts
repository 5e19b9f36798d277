/**
 * Releases on a host: immutable folders, named by version and content. The same artifact always has the same name, so
 * deploying it again finds the release that is there and never touches one that runs.
 */
import { commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Artifact, Release } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { named } from '../names.ts'
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
  const name = `${named('version', artifact.version)}-${artifact.sha256.slice(0, 7)}`
  return { name, version: artifact.version, sha256: artifact.sha256, dir: layout.release(name) }
}

/** Prints the release's record when the release is there and whole. The record is the last file that is written. */
export const releaseRecord = (release: Release): Script =>
  sh.read`cat ${`${release.dir}/release.json`} 2>/dev/null || true`

/** Why an artifact was refused, by exit status of `unpack` and `receive`, and by the code of a `Refusal`. */
export const UNPACK_REFUSED: Readonly<Record<number, string>> = {
  41: 'it holds a name that is absolute or has ".." in it',
  42: 'it holds a link that points outside of the release',
  43: 'it holds something that is neither file, folder nor link',
  44: 'it cannot be read as a tar archive',
  46: 'it holds a name with a control character in it, or one that is not UTF-8',
  47: 'it holds a name that is ours: release.json, .manifest and .upload at its top are written by us',
  48: 'what came out of it is not what its list says',
}

/**
 * Unpacks an archive that could not be read on this machine (`receive` is for all others): looks at what came out, and gives
 * it its name with one rename. The record comes in by standard input. When the release is there by then, that one stays.
 * The names are compared by the shell: `grep -q` behind a pipe ends with its first match, and with many names that would count as none.
 */
export function unpack(layout: Layout, release: Release, artifact: string, work: string): Script {
  return sh.write`
work=${work} artifact=${artifact} final=${release.dir}
${removing}
trap 'remove "$work" "$artifact"' EXIT
export LC_ALL=C; umask 022
names=$(tar -tf "$artifact") || exit 44
case $'\\n'"$names"$'\\n' in *$'\\n/'*|*$'\\n../'*|*/../*|*/..$'\\n'*|*$'\\n..\\n'*) exit 41 ;; esac
rm -rf -- "$work"
mkdir -- "$work"
tar -xf "$artifact" -C "$work" --no-same-owner
cd -- "$work"
odd=$(find . ! -type f ! -type d ! -type l -print -quit)
if [ -n "$odd" ]; then exit 43; fi
${refuseOutside}
chmod -R u+rwX,go-w -- "$work"
${linkShared(layout)}
cat > "$work/release.json"
find . ! -type l -exec chmod a-w -- {} +
cd /
${makeWayFor(layout, release)}
if ! mv -T -n -- "$work" "$final" || [ -d "$work" ]; then test -f "$final/release.json"; fi`
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

const GONE = 62
const NOT_SHARED = 63

/** What the name of a release begins with while it is being removed. */
const REMOVED = '.removed.'

/** Releases that stay on a host; those that a slot runs stay as well. */
export const KEPT = 5

/**
 * Removes what nothing uses: releases beyond the newest `keep`, and what uploads that were cut left behind a day ago or more. A release loses
 * its name first: one that is half removed, because the host lost power meanwhile, is never taken for a whole one. One whose migrations were the
 * last to begin stays: they may still run. A link that cannot be read ends it before anything is removed.
 */
export const prune = (layout: Layout, keep = KEPT): Script => sh.write`
cd -P ${layout.releases}
${removing}
used=$(for link in ../slots/*/current; do if [ -L "$link" ]; then readlink -f -- "$link"; fi; done)
migrating=$(if [ -s ${layout.migration} ]; then head -n 1 ${layout.migration}; fi)
find . -mindepth 1 -maxdepth 1 \\( -name ${`${REMOVED}*`} -o -name '.*' -mmin +1440 \\) -print0 | while IFS= read -r -d '' old; do remove "$old"; done
ls -1t | tail -n +${keep + 1} | while IFS= read -r name; do
  case "$migrating" in *-migrate-"$name") continue ;; esac
  case $'\\n'"$used"$'\\n' in
    *$'\\n'"$PWD/$name"$'\\n'*) ;;
    *) mv -T -- "$name" ${REMOVED}"$name"; remove ${REMOVED}"$name"; printf '%s\\n' "$name" ;;
  esac
done`
