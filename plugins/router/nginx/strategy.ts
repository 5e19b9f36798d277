/** The interface of the two switch strategies of nginx: symlink and reload. */
import type { Query } from '../../../host/query.ts'
import type { Script } from '../../../host/script.ts'
import type { Provision, Route } from '../../../slots/contracts.ts'
import { routerFaults } from '../faults.ts'
import type { Listening } from '../listen.ts'
import type { Paths, Program } from './site.ts'
import { readLink } from './symlink.ts'

export interface SwitchStrategy {
  /** The site is installed if at least one file of each list exists. */
  readonly files: readonly (readonly string[])[]
  /** All possible paths of this site's files. */
  readonly own: readonly string[]
  /** Whether `/deployment_id` carries the generation of a promote. */
  readonly generations: boolean
  /** Prints the port of the live slot; fails if no slot is live. */
  readonly livePort: Script
  live(): Query<Route>
  /** Makes a route live. A route without a slot makes no slot live. */
  switchTo(route: Route): Query<void>
  provision(): Provision
}

/** The configuration of a site, with all defaults applied. */
export interface Site {
  readonly paths: Paths
  readonly program: Program
  readonly listening: Listening
  /** Whether a server block of the user's own includes our file. */
  readonly include: boolean
  readonly values: Readonly<Record<'site' | 'listen', string>>
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

/** The route if no slot is live. */
export const NO_ROUTE: Route = { slot: undefined, generation: undefined }
