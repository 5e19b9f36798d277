/** The two ways in which nginx can be told which slot is live have this in common. */
import type { Query } from '../../../host/query.ts'
import type { Script } from '../../../host/script.ts'
import type { Provision, Route } from '../../../slots/contracts.ts'
import { routerFaults } from '../faults.ts'
import type { Listening } from './listen.ts'
import type { Paths, Program } from './site.ts'
import { readLink } from './symlink.ts'

export interface SwitchStrategy {
  /** Without one file of each of these lists nginx does not know this site. */
  readonly files: readonly (readonly string[])[]
  /** All files of this site, wherever they may stand. */
  readonly own: readonly string[]
  /** Whether `/deployment_id` carries the generation of a promote. */
  readonly generations: boolean
  /** Prints the port of the live slot; fails when none is. */
  readonly livePort: Script
  live(): Query<Route>
  /** Makes a route live; without a slot, none. */
  move(route: Route): Query<void>
  provision(): Provision
}

/** What a Taskfile said of its site, in full. */
export interface Site {
  readonly at: Paths
  readonly program: Program
  readonly listening: Listening
  /** A server block of the user's own includes ours. */
  readonly include: boolean
  readonly values: Readonly<Record<'site' | 'listen', string>>
}

/**
 * Reads the name that a link holds, the first of these that is there; `parse` gets undefined when none is, and returns undefined for a name that means
 * nothing here. Throws `ROUTE_UNREADABLE`.
 */
export const linkQuery = (
  paths: readonly string[],
  parse: (target: string | undefined) => Route | undefined,
): Query<Route> => ({
  script: readLink(...paths),
  read({ code, stdout, stderr }, { name: host }) {
    const unreadable = (why: string) => routerFaults.ROUTE_UNREADABLE({ host, why })
    if (code !== 0) throw unreadable(stderr.trim() || `${paths[0]}: exit ${code}`)
    const target = stdout.trimEnd() || undefined
    const route = parse(target)
    if (!route) throw unreadable(`${paths[0]} names ${JSON.stringify(target)}`)
    return route
  },
})

/** Where no slot is live. */
export const NO_ROUTE: Route = { slot: undefined, generation: undefined }
