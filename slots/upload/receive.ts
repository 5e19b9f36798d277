/**
 * The one script of an upload, as it stands on the host from the first byte to the last: it takes the manifest, finds what is
 * there already, says what is missing, waits for the word to go, takes that, puts the release together, and compares all of it
 * with the manifest before the release gets its name. Before the word it writes nothing. Bash, GNU coreutils and findutils, awk, tar, gzip and flock are all that it needs.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release } from '../contracts.ts'
import type { Layout } from '../layout.ts'

/** What the script says on standard output, one line each. */
export const ANSWER = {
  /** The release is on the host, whole. */
  there: 'there',
  /** With the numbers of the manifest's lines whose content is missing, each content once, from 1. */
  missing: 'missing',
} as const

/** How the script ends when something is wrong; what it refuses is in `UNPACK_REFUSED`. */
export const RECEIVE_ENDED = EXIT.receive

/** The line after which the host may write. */
export const GO = 'go'

/**
 * How the host finds out what is missing: from the manifests of what is there, before it writes anything, or from the contents, as it copies and
 * hashes them. The first says the same as the second unless somebody changed a file by hand: then the script ends with `more`.
 */
export type DiffSource = 'by manifests' | 'by contents'

/** `remove FOLDER ...` removes releases: nothing in one can be written, and what is in a folder that cannot be written cannot be removed. */
export const removing = sh.write`remove() { chmod -R u+w -- "$@" 2> /dev/null || :; rm -rf -- "$@"; }`

/**
 * Prints each link below the current folder that points out of it, and ends with `outsideLink` when there is one. A link to a link
 * counts as what it leads to.
 */
export const refuseOutside = sh.read`
inside=$(pwd -P)
find . -type l -print0 | while IFS= read -r -d '' link; do
  target=$(readlink -m -- "$link")
  case "$target" in "$inside"/*) ;; *) printf '%s -> %s\\n' "$link" "$(readlink -- "$link")" >&2; exit ${EXIT.artifact.outsideLink} ;; esac
done`

/** Answers with the lines that are still wanted, when all was copied that could be. */
const answerByContents = sh.read`
awk -F '\\t' -v ORS= 'BEGIN { print "${ANSWER.missing}" } part == 1 { want[$5]; next } $5 in want && !seen[$4]++ { print " " FNR } END { print "\\n" }' \
  part=1 .upload/wanted part=2 .manifest`

/** Somebody changed a file of an old release by hand: what is here by now is kept for the next try. */
const stillMissing = sh.read`if [ -s .upload/wanted ]; then keep=yes; exit ${RECEIVE_ENDED.more}; fi`

const nothing = sh.read``

/** Takes away what is left of a release that somebody removed in part: it has no record, so nothing was to trust it. */
export const makeWayFor = (layout: Layout, { name, dir }: Release): Script => {
  const left = posix.join(layout.releases, `.removed.${name}`)
  return sh.write`if [ -d ${dir} ] && ! [ -f ${`${dir}/release.json`} ]; then remove ${left}; mv -T -- ${dir} ${left}; remove ${left}; fi`
}

/** Puts links in the place of what outlives releases, in the folder of a release that is being made. */
export const linkShared = ({ shared: { dir, paths } }: Layout): Script =>
  paths.length === 0
    ? nothing
    : program(new URL('./link-shared.sh', import.meta.url), {
        writes: true,
        parameters: { sharedDir: dir, sharedPaths: paths },
      })

/** A condition of awk: whether a variable of it names what outlives releases, or what is in that. The paths were checked by their rule. */
export const isShared = ({ shared: { paths } }: Layout, variable: string): Script => ({
  writes: false,
  text: paths.map(path => `${variable} == "${path}" || index(${variable}, "${path}/") == 1`).join(' || ') || '0',
})

/** `record` is the text of the release's `release.json`. What the script reads and prints stands in its file. */
export function receive(layout: Layout, release: Release, work: string, record: string, knowing: DiffSource): Script {
  const early = knowing === 'by manifests'
  return sh.lines(
    sh.write`# upload of ${release.name}`,
    removing,
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

/** The folder of one upload: its own, whoever else uploads the same. */
export const workFolder = (layout: Layout, release: Release, id: string, attempt = 1): string =>
  posix.join(layout.releases, `.${release.name}.${id}${attempt === 1 ? '' : `.${attempt}`}`)
