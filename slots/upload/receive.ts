/**
 * The host's side of an upload, as one script (see receive.sh for the protocol). It needs bash, GNU coreutils and findutils, awk, tar, gzip and
 * flock.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asApplication } from '../as-application.ts'
import type { Release } from '../contracts.ts'
import type { Layout } from '../layout.ts'

/** Lines that the script prints on standard output. */
export const ANSWER = {
  /** The release exists on the host and is complete. */
  there: 'there',
  /** Followed by the line numbers of the manifest, from 1, whose content is missing; identical contents are listed once. */
  missing: 'missing',
} as const

/** Exit codes of failures; `UNPACK_REFUSED` has those of refused artifacts. */
export const RECEIVE_ENDED = EXIT.receive

/** The line after which the host may write. */
export const GO = 'go'

/**
 * How the host finds out what is missing: from the manifests of existing releases, before it writes anything, or from file contents, which it
 * copies and hashes. Both give the same result unless a file was changed by hand; then `by manifests` exits with `more`.
 */
export type DiffSource = 'by manifests' | 'by contents'

/** Defines `remove FOLDER ...`, which deletes releases: their folders are read-only, so they are made writable first. */
export const defineRemove = sh.write`remove() { chmod -R u+w -- "$@" 2> /dev/null || :; rm -rf -- "$@"; }`

/** Exits with `outsideLink`, and prints the link, if a link below the current folder leads out of it. Chains of links are followed. */
export const refuseOutside = sh.read`
inside=$(pwd -P)
find . -type l -print0 | while IFS= read -r -d '' link; do
  target=$(readlink -m -- "$link")
  case "$target" in "$inside"/*) ;; *) printf '%s -> %s\\n' "$link" "$(readlink -- "$link")" >&2; exit ${EXIT.artifact.outsideLink} ;; esac
done`

/** Prints the lines of the manifest that are still missing after the local copies. */
const answerByContents = sh.read`
awk -F '\\t' -v ORS= 'BEGIN { print "${ANSWER.missing}" } part == 1 { want[$5]; next } $5 in want && !seen[$4]++ { print " " FNR } END { print "\\n" }' \
  part=1 .upload/wanted part=2 .manifest`

/** A file of an old release was changed by hand. The files collected so far are kept for the next attempt. */
const stillMissing = sh.read`if [ -s .upload/wanted ]; then keep=yes; exit ${RECEIVE_ENDED.more}; fi`

const nothing = sh.read``

/** Removes an incomplete release: one without a record. */
export const makeWayFor = (layout: Layout, { name, dir }: Release): Script => {
  const removed = posix.join(layout.releases, `.removed.${name}`)
  return sh.write`if [ -d ${dir} ] && ! [ -f ${`${dir}/release.json`} ]; then remove ${removed}; mv -T -- ${dir} ${removed}; remove ${removed}; fi`
}

/** Replaces the shared paths of a new release, which is the current folder, with links into the shared folder. */
export const linkShared = ({ shared: { dir, paths, entries }, user }: Layout): Script =>
  paths.length === 0
    ? nothing
    : program(new URL('./link-shared.sh', import.meta.url), {
        writes: true,
        parameters: {
          sharedDir: dir,
          sharedPaths: paths,
          sharedKinds: entries.map(({ kind }) => kind),
          make: makeShared(user),
          ...EXIT.shared,
        },
      })

/** What the application owns can be made by its own user alone. */
function makeShared(user: string | undefined): Script {
  const make = program(new URL('./make-shared.sh', import.meta.url), { writes: true })
  const asOwner =
    user === undefined
      ? sh.write`(into=$1 path=$2 kind=$3\n${make})`
      : sh.write`(${asApplication(user, make, sh.read`printf 'into=%q path=%q kind=%q\\n' "$@"`)})`
  return sh.write`if [ -e "$2" ]; then tar -cf - -- "$2"; else tar -cf - -T /dev/null; fi | ${asOwner}`
}

/** An awk condition: `variable` is a shared path, or below one. The paths need no quoting, since `sharedPaths` has checked them. */
export const isShared = ({ shared: { paths } }: Layout, variable: string): Script => ({
  writes: false,
  text: paths.map(path => `${variable} == "${path}" || index(${variable}, "${path}/") == 1`).join(' || ') || '0',
})

/** `record` is the text of the release's `release.json`. receive.sh documents what the script reads and prints. */
export function receive(layout: Layout, release: Release, work: string, record: string, source: DiffSource): Script {
  const early = source === 'by manifests'
  return sh.lines(
    sh.write`# upload of ${release.name}`,
    defineRemove,
    program(new URL('./take.sh', import.meta.url), { writes: true }),
    program(new URL('./receive.sh', import.meta.url), {
      writes: true,
      parameters: {
        releases: layout.releases,
        work,
        final: release.dir,
        record,
        shared: isShared(layout, '$5').text,
        answerEarly: early ? program(new URL('./by-manifests.sh', import.meta.url)) : nothing,
        answerLate: early ? nothing : answerByContents,
        stillMissing: early ? stillMissing : nothing,
        refuseOutside,
        linkShared: linkShared(layout),
        makeWay: makeWayFor(layout, release),
        ...EXIT.receive,
        ...EXIT.artifact,
      },
    }),
  )
}

/** The working folder of one upload: unique, even if another run uploads the same release. */
export const workFolder = (layout: Layout, release: Release, id: string, attempt = 1): string =>
  posix.join(layout.releases, `.${release.name}.${id}${attempt === 1 ? '' : `.${attempt}`}`)
