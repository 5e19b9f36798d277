/** The two ways in which nginx can be told which slot is live have this in common. */
import type { PluginKit, Provision, Route } from '../../slots/contracts.ts'
import { routerFaults } from './faults.ts'
import { readLink } from './link.ts'
import type { Paths } from './site.ts'

export interface Way {
  /** Files without which nginx does not know this site. */
  readonly files: readonly string[]
  /** Whether `/deployment_id` carries the generation of a promote. */
  readonly generations: boolean
  live(): Promise<Route>
  /** Makes a route live; without a slot, none. */
  move(route: Route): Promise<void>
  provision(): Provision
}

/** What a Taskfile said of its site, in full. */
export interface Site {
  readonly at: Paths
  /** A server block of the user's own includes ours. */
  readonly include: boolean
  readonly values: Readonly<Record<string, string | number>>
}

/** The name that a link holds; undefined when there is no link. Throws `ROUTE_UNREADABLE`. */
export async function linkName({ host }: PluginKit, path: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await host.run(readLink(path))
  if (code !== 0)
    throw routerFaults.ROUTE_UNREADABLE({ host: host.name, why: stderr.trim() || `${path}: exit ${code}` })
  return stdout.trimEnd() || undefined
}
