/**
 * The live link, as text. `router/live` names `<slot>.<generation>`, a folder that holds an empty file with the slot's
 * name. nginx looks for that file at each request, and one rename moves the link: there is no moment without a slot,
 * and one reading gives slot and generation, which belong together.
 */
import { posix } from 'node:path'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Route } from '../../../slots/contracts.ts'

export const linkPath = (router: string): string => posix.join(router, 'live')

/** What the link names while a route is live. The generation takes letters, digits, dots, dashes and underscores. */
export function targetOf(slot: string, generation: string): string {
  if (!/^[A-Za-z0-9_.-]+$/.test(generation)) throw new RangeError(`${JSON.stringify(generation)} is no generation`)
  return `${slot}.${generation}`
}

/** Reads a link's name back; undefined when it is none of ours. */
export function routeOf(target: string): Route | undefined {
  const [, slot, generation] = /^([a-z][a-z0-9_]*)\.([A-Za-z0-9_.-]+)$/.exec(target) ?? []
  return slot === undefined || generation === undefined ? undefined : { slot, generation }
}

/**
 * Prints what a link names, the first of these paths that is there, or nothing when none is. Fails when a folder cannot be searched, when not even
 * a folder is there, and when it is no link.
 */
export const readLink = (...paths: readonly string[]): Script => sh.read`
there=
for link in ${paths}; do
  name=\${link##*/} folder=\${link%/*}
  if [ -e "$folder" ]; then
    cd "$folder"
    there=yes
    if [ -L "$name" ] || [ -e "$name" ]; then readlink -v "$name"; break; fi
  fi
done
if [ -z "$there" ]; then cd ${posix.dirname(paths[0] ?? '')}; fi`

/** Makes a route live with one rename, then removes the folders of old generations, but not the one that was live before. */
export const moveLink = (router: string, slot: string, generation: string): Script =>
  program(new URL('./move-link.sh', import.meta.url), {
    writes: true,
    parameters: { router, slot, target: targetOf(slot, generation) },
  })

/** No slot is live any more. */
export const removeLink = (router: string): Script => sh.write`rm -f ${linkPath(router)}`
