/**
 * The live link, for a router that looks for a file on each request. `router/live` points to `<slot>.<generation>`, a folder that contains the
 * marker, which the router looks for; its text is `<slot> <generation>`, for a router that reads it. A switch is one rename of the link, so there is
 * always a live slot, and one `readlink` returns a consistent pair of slot and generation.
 */
import { posix } from 'node:path'
import { program } from '../../host/program.ts'
import { perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Route, Slot } from '../../slots/contracts.ts'
import { routerFaults } from './faults.ts'

interface LiveLink {
  /** Prints the port of the live slot; fails if no slot is live. */
  readonly livePort: Script
  live(): Query<Route>
  /** Makes a route live. A route without a slot makes no slot live. */
  switchTo(route: Route): Query<void>
}

/** The route if no slot is live. */
export const NO_ROUTE: Route = { slot: undefined, generation: undefined }

/** `marker` returns the name of the file that the router looks for, from the slot's name and the target of the link. */
export function liveLink(
  router: string,
  slots: readonly Pick<Slot, 'name' | 'port'>[],
  marker: (slot: string, target: string) => string,
): LiveLink {
  const link = linkPath(router)
  return {
    livePort: sh.read`case $(readlink ${link}) in ${sh.lines(...slots.map(({ name, port }) => sh.read`${name}.*) echo ${port} ;;`))} *) false ;; esac`,
    live: () =>
      linkQuery([link], target => {
        if (target === undefined) return NO_ROUTE
        const route = routeOf(target)
        return slots.some(slot => slot.name === route?.slot) ? route : undefined
      }),
    switchTo: ({ slot, generation = '' }) =>
      perform(
        slot === undefined
          ? removeLink(router)
          : moveLink(router, slot, generation, marker(slot, targetOf(slot, generation))),
      ),
  }
}

/**
 * Reads the target of the first of these links that exists. `parse` gets the target, or undefined if no link exists, and returns undefined for a target
 * that is not ours.
 *
 * @throws `ROUTE_UNREADABLE`
 */
export const linkQuery = (
  paths: readonly string[],
  parse: (target: string | undefined) => Route | undefined,
): Query<Route> => ({
  script: readLink(...paths),
  read({ code, stdout, stderr }, { name: host }) {
    const unreadable = (why: string) => routerFaults.ROUTE_UNREADABLE({ host, why })
    if (code !== 0) throw unreadable(stderr.trim() || `${paths[0]}: exit code ${code}`)
    const target = stdout.trimEnd() || undefined
    const route = parse(target)
    if (!route) throw unreadable(`${paths[0]} points to ${JSON.stringify(target)}.`)
    return route
  },
})

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
export const moveLink = (router: string, slot: string, generation: string, marker: string = slot): Script =>
  program(new URL('./move-link.sh', import.meta.url), {
    writes: true,
    parameters: { router, marker, target: targetOf(slot, generation) },
  })

/** Removes the link, so that no slot is live. */
export const removeLink = (router: string): Script => sh.write`rm -f ${linkPath(router)}`
