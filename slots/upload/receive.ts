/**
 * The one script of an upload, as it stands on the host from the first byte to the last: it takes the manifest, finds what is
 * there already, says what is missing, waits for the word to go, takes that, puts the release together, and compares all of it
 * with the manifest before the release gets its name. Before the word it writes nothing. Bash, GNU coreutils and findutils, awk, tar, gzip and flock are all that it needs.
 */
import { posix } from 'node:path'
import { type Script, sh } from '../../host/script.ts'
import type { Release } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import { HINT } from './manifest.ts'

/** What the script says on standard output, one line each. */
export const ANSWER = {
  /** The release is on the host, whole. */
  there: 'there',
  /** With the numbers of the manifest's lines whose content is missing, each content once, from 1. */
  missing: 'missing',
} as const

/** How the script ends when something is wrong; what it refuses is in `UNPACK_REFUSED`. */
export const RECEIVE_ENDED = { notSetUp: 40, notWritable: 54, damaged: 50, diskFull: 51, cut: 52, more: 53 } as const

/** The line after which the host may write. */
export const GO = 'go'

/**
 * How the host finds out what is missing: from the manifests of what is there, before it writes anything, or from the contents, as it copies and
 * hashes them. The first says the same as the second unless somebody changed a file by hand: then the script ends with `more`.
 */
export type Knowing = 'by manifests' | 'by contents'

/** How many releases, newest first, and how many folders that uploads left behind are looked through. */
const RELEASES = 4
const LEFT = 3
/** What nobody came back for is removed after so many minutes. */
const FORGOTTEN = 24 * 60

/** `remove FOLDER ...` removes releases: nothing in one can be written, and what is in a folder that cannot be written cannot be removed. */
export const removing = sh.write`remove() { chmod -R u+w -- "$@" 2> /dev/null || :; rm -rf -- "$@"; }`

/**
 * Prints each link below the current folder that points out of it, and ends with 42 when there is one. A link to a link
 * counts as what it leads to.
 */
export const refuseOutside = sh.read`
inside=$(pwd -P)
find . -type l -print0 | while IFS= read -r -d '' link; do
  target=$(readlink -m -- "$link")
  case "$target" in "$inside"/*) ;; *) printf '%s -> %s\\n' "$link" "$(readlink -- "$link")" >&2; exit 42 ;; esac
done`

/**
 * `take FOLDER` copies what is wanted from another folder: by its manifest, or by the same name and size where it has none.
 * What was copied is hashed: only what is right is wanted no more. A folder may vanish meanwhile: then what was not copied is sent. One
 * process for many files, not one a file.
 */
const take = sh.write`
take() {
  local from=$1 known=/dev/null into= to source batch=()
  if [ -f "$from/.manifest" ]; then known=$from/.manifest; fi
  find "$from" -type f -printf '%s\\t%P\\n' | awk -F '\\t' -v OFS='\\t' '
    part == 1 { path[++n] = $5; sha[n] = $4; size[$4] = $3; wants[$5] = $4; next }
    part == 2 { told = 1; if ($1 == "f" && (substr($4, 1, ${HINT}) in size)) holds[$5] = substr($4, 1, ${HINT}); next }
    { s = ($2 in holds) ? holds[$2] : told ? "" : wants[$2] }
    s != "" && $1 == size[s] { have[$2] = s; if (!(s in any)) any[s] = $2 }
    END { for (i = 1; i <= n; i++) {
      s = sha[i]
      if (have[path[i]] == s) print path[i], path[i]
      else if (s in any) print path[i], any[s]
    } }' part=1 .upload/wanted part=2 "$known" part=3 - > .upload/plan || :
  awk -F '\\t' '$1 == $2 { print $1 }' .upload/plan | tr '\\n' '\\0' |
    (cd "$from" && xargs -0 -r cp -f --parents --preserve=timestamps -t "$work" --) || :
  copy() { if [ "\${#batch[@]}" -gt 0 ]; then cp -f --preserve=timestamps -t "$into" -- "\${batch[@]}" || :; fi; batch=(); }
  while IFS=$'\\t' read -r to source; do
    to=./$to source=$from/$source
    if [ "\${to##*/}" != "\${source##*/}" ]; then cp -f --preserve=timestamps -- "$source" "$to" || :; continue; fi
    if [ "\${to%/*}" != "$into" ] || [ "\${#batch[@]}" -ge 500 ]; then copy; into=\${to%/*}; fi
    batch+=("$source")
  done < <(awk -F '\\t' '$1 != $2' .upload/plan)
  copy
  cut -f 1 .upload/plan | tr '\\n' '\\0' | { xargs -0 -r sha256sum -z -- || :; } | tr '\\0' '\\n' > .upload/sums
  awk -F '\\t' 'part == 1 { got[substr($0, 67)] = substr($0, 1, ${HINT}); next } got[$5] != $4' \
    part=1 .upload/sums part=2 .upload/wanted > .upload/rest
  mv -f .upload/rest .upload/wanted
  cat .upload/sums >> .upload/hashed
} 2> /dev/null`

/** `newest FIND-OPTIONS` prints folders of releases, the newest first; `sources` prints those that are looked through. */
const sources = sh.read`
newest() { find "$releases" -mindepth 1 -maxdepth 1 -type d "$@" ! -path "$work" -printf '%T@\\t%p\\n' | sort -rn | cut -f 2; }
sources() { newest ! -name '.*' | sed -n '1,${RELEASES}p'; newest -name '.*' | sed -n '1,${LEFT}p'; }`

/** Answers with the lines whose content no manifest tells of, or only for a file that has gone or has another size. */
const answerByManifests = sh.read`
while IFS= read -r old; do
  if [ -f "$old/.manifest" ]; then
    find "$old" -type f -printf '%s\\t%P\\n' | awk -F '\\t' '
      part == 1 { size[$2] = $1; next }
      $1 == "f" && ($5 in size) && size[$5] == $3 { print substr($4, 1, ${HINT}) }' part=1 - part=2 "$old/.manifest" || :
  fi
done < <(sources) 2> /dev/null | awk -F '\\t' -v ORS= 'BEGIN { print "${ANSWER.missing}" }
  part == 1 { have[$1]; next }
  $1 == "f" && !($4 in have) && !said[$4]++ { print " " FNR }
  END { print "\\n" }' part=1 - part=2 <(manifest)`

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
    : sh.write`for path in ${paths}; do
  into=${dir}/$path
  if ! [ -e "$into" ]; then
    rm -rf -- "$into.new"
    mkdir -p -- "$(dirname -- "$into")"
    if [ -e "$path" ]; then cp -a -- "$path" "$into.new"; else mkdir -- "$into.new"; fi
    chmod -R u+w -- "$into.new"
    mv -T -n -- "$into.new" "$into"
  fi
  rm -rf -- "$path"
  mkdir -p -- "$(dirname -- "$path")"
  ln -s -- "$into" "$path"
done`

/** A condition of awk: whether a variable of it names what outlives releases, or what is in that. The paths were checked by their rule. */
export const isShared = ({ shared: { paths } }: Layout, variable: string): Script => ({
  writes: false,
  text: paths.map(path => `${variable} == "${path}" || index(${variable}, "${path}/") == 1`).join(' || ') || '0',
})

/**
 * `record` is the text of the release's `release.json`. Input: a line with the length of the packed manifest and the
 * digest of the full one, the manifest, gzipped; the line `GO`; then, when it was said what is missing, a `.tar.gz` with the missing files under their
 * names (or the whole artifact).
 * What was taken from the host was hashed when it was; what arrives, or arrives again, is hashed in the end.
 * A run that was cut leaves its folder, and the next one takes from it.
 * A folder gets its name when it is locked, so that another upload never takes it for one that was left.
 */
export function receive(layout: Layout, release: Release, work: string, record: string, knowing: Knowing): Script {
  const early = knowing === 'by manifests'
  return sh.write`# upload of ${release.name}
releases=${layout.releases} work=${work} final=${release.dir} unlocked=${posix.join(layout.releases, `.new${posix.basename(work)}`)}
export LC_ALL=C
if ! [ -w "$releases" ]; then if [ -O "$releases" ]; then exit ${RECEIVE_ENDED.notWritable}; else exit ${RECEIVE_ENDED.notSetUp}; fi; fi
if [ -f "$final/release.json" ]; then echo ${ANSWER.there}; exit 0; fi
umask 022
IFS=' ' read -r length digest
packed=$(head -c "$length" | base64 -w 0)
manifest() { printf %s "$packed" | base64 -d | gzip -dc; }
${sources}
${early ? answerByManifests : nothing}
IFS= read -r word || exit 0
if [ "$word" != ${GO} ]; then exit 0; fi
keep=
${removing}
trap '[ -n "$keep" ] || remove "$work" "$unlocked"' EXIT
mkdir -- "$unlocked" "$unlocked/.upload"
exec 9> "$unlocked/.upload/lock"
flock -n 9
mv -T -- "$unlocked" "$work"
cd -- "$work"
manifest > .manifest
awk -F '\\t' '$1 == "d" { print $5 }' .manifest | tr '\\n' '\\0' | xargs -0 -r mkdir -p --
awk -F '\\t' '$1 == "f"' .manifest > .upload/wanted
for name in hashed received unhashed; do : > ".upload/$name"; done
${take}
while IFS= read -r old; do
  if [ -s .upload/wanted ]; then take "$old"; fi
done < <(sources)
find "$releases" -mindepth 1 -maxdepth 1 -name ${`.${release.name}.*`} ! -path "$work" -print0 2> /dev/null | while IFS= read -r -d '' old; do
  if [ -e "$old/.upload/lock" ] && flock -n "$old/.upload/lock" true; then remove "$old"; fi
done || :
find "$releases" -mindepth 1 -maxdepth 1 -name '.*' ! -path "$work" -mmin +${FORGOTTEN} -print0 2> /dev/null | while IFS= read -r -d '' old; do remove "$old"; done || :
cut -f 5 .upload/wanted | tr '\\n' '\\0' | xargs -0 -r rm -f --
keep=yes
${early ? nothing : answerByContents}

if ! said=$(tar -xzvf - --no-same-owner --quoting-style=literal 2>&1 > .upload/received); then
  printf '%s\\n' "$said" >&2
  case "$said" in *'No space left'*|*'quota exceeded'*) ;; *) exit ${RECEIVE_ENDED.cut} ;; esac
  keep=
  df -P -B1 -- "$releases" | awk 'NR == 2 { print "free " $4 }'
  exit ${RECEIVE_ENDED.diskFull}
fi
keep=
find . -type f -printf '%P\\n' | awk -F '\\t' 'part == 1 { have[$1]; next } !($5 in have)' part=1 - part=2 .upload/wanted > .upload/rest
mv -f .upload/rest .upload/wanted
if [ -s .upload/wanted ]; then take "$work"; fi
${early ? stillMissing : nothing}
while IFS=$'\\t' read -r path target; do ln -sfn -- "$target" "$path"; done < <(awk -F '\\t' -v OFS='\\t' '$1 == "l" { print $5, $6 }' .manifest)

odd=$(find . ! -type f ! -type d ! -type l -print -quit)
if [ -n "$odd" ]; then exit 43; fi
${refuseOutside}
find . -mindepth 1 \\( -path ./.manifest -o -path ./.upload \\) -prune -o -printf '%y\\t%P\\t%l\\n' | sort > .upload/there
if ! awk -F '\\t' -v OFS='\\t' '{ print $1, $5, $6 }' .manifest | sort | cmp -s - .upload/there; then exit 48; fi
: > .upload/sums
awk -F '\\t' 'part == 1 { sum[substr($0, 67)] = $0; next } part == 2 { sub(/^(\\.\\/)+/, ""); delete sum[$0]; next }
  $1 == "f" { if ($5 in sum) print sum[$5] > ".upload/sums"; else print $5 > ".upload/unhashed" }' \
  part=1 .upload/hashed part=2 .upload/received part=3 .manifest
tr '\\n' '\\0' < .upload/unhashed | xargs -0 -r sha256sum -z -- | tr '\\0' '\\n' >> .upload/sums
awk -F '\\t' -v OFS='\\t' 'part == 1 { sum[substr($0, 67)] = substr($0, 1, 64); next }
  $1 == "f" { if (substr(sum[$5], 1, ${HINT}) != $4) print $5, $3, $4, sum[$5] > ".upload/damaged"; $4 = sum[$5] }
  { print }' part=1 .upload/sums part=2 .manifest > .upload/manifest
if [ "$(sha256sum < .upload/manifest | cut -c 1-64)" != "$digest" ]; then
  keep=yes
  if [ -s .upload/damaged ]; then
    IFS=$'\\t' read -r path size sent arrived < .upload/damaged
    printf 'damaged %s\\t%s bytes, sha256 %s\\t%s bytes, sha256 %s\\n' "$path" "$size" "$sent" "$(stat -c %s -- "$path")" "\${arrived:0:${HINT}}"
  fi
  exit ${RECEIVE_ENDED.damaged}
fi
mv -f .upload/manifest .manifest
rm -rf .upload
${linkShared(layout)}
modes=$(awk -F '\\t' '$1 != "l" { print $2 }' .manifest | sort -u)
for mode in $modes; do
  awk -F '\\t' -v mode="$mode" '$1 != "l" && $2 == mode && !(${isShared(layout, '$5')}) { print $5 }' .manifest | tr '\\n' '\\0' | xargs -0 -r chmod "$mode" --
done
printf '%s\\n' ${record} > release.json
chmod a-w . .manifest release.json
cd /
${makeWayFor(layout, release)}
if ! mv -T -n -- "$work" "$final" || [ -d "$work" ]; then test -f "$final/release.json"; fi`
}

/** The folder of one upload: its own, whoever else uploads the same. */
export const workFolder = (layout: Layout, release: Release, id: string, attempt = 1): string =>
  posix.join(layout.releases, `.${release.name}.${id}${attempt === 1 ? '' : `.${attempt}`}`)
