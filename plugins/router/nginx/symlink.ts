/**
 * Scripts for the live link. `router/live` points to `<slot>.<generation>`, a folder that contains an empty file with the slot's name. nginx looks for
 * that file on each request. A switch is one rename of the link, so there is always a live slot, and one `readlink` returns a consistent pair of slot and
 * generation.
 */
import { posix } from 'node:path'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Route } from '../../../slots/contracts.ts'

export const linkPath = (router: string): string => posix.join(router, 'live')

/**
 * The target of the link while a route is live.
 *
 * @throws RangeError for a generation with characters other than letters, digits, dots, dashes and underscores
 */
export function targetOf(slot: string, generation: string): string {
  if (!/^[A-Za-z0-9_.-]+$/.test(generation))
    throw new RangeError(`${JSON.stringify(generation)} is not a valid generation`)
  return `${slot}.${generation}`
}

/** Parses a link's target; undefined if it is not one of ours. */
export function routeOf(target: string): Route | undefined {
  const [, slot, generation] = /^([a-z][a-z0-9_]*)\.([A-Za-z0-9_.-]+)$/.exec(target) ?? []
  return slot === undefined || generation === undefined ? undefined : { slot, generation }
}

/**
 * Prints the target of the first of these links that exists, or nothing if none does. Fails if a folder cannot be searched, if none of the folders
 * exists, or if the path is not a symbolic link.
 */
export const readLink = (...paths: readonly string[]): Script => sh.read`
found=
for link in ${paths}; do
  name=\${link##*/} folder=\${link%/*}
  if [ -e "$folder" ]; then
    cd "$folder"
    found=yes
    if [ -L "$name" ] || [ -e "$name" ]; then readlink -v "$name"; break; fi
  fi
done
if [ -z "$found" ]; then cd ${posix.dirname(paths[0] ?? '')}; fi`

/** Makes a route live with one rename, then removes the folders of old generations, except the one that was live before. */
export const moveLink = (router: string, slot: string, generation: string): Script =>
  program(new URL('./move-link.sh', import.meta.url), {
    writes: true,
    parameters: { router, slot, target: targetOf(slot, generation) },
  })

/** Removes the link, so that no slot is live. */
export const removeLink = (router: string): Script => sh.write`rm -f ${linkPath(router)}`
