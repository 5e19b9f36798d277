/** The two ways in which nginx can be told which slot is live have this in common. */
import type { Script } from '../../../host/script.ts'
import type { PluginKit, Provision, Route } from '../../../slots/contracts.ts'
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
  live(): Promise<Route>
  /** Makes a route live; without a slot, none. */
  move(route: Route): Promise<void>
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

/** The name that a link holds, the first of these that is there; undefined when none is. Throws `ROUTE_UNREADABLE`. */
export async function linkName({ host }: PluginKit, ...paths: readonly string[]): Promise<string | undefined> {
  const { code, stdout, stderr } = await host.run(readLink(...paths))
  if (code !== 0)
    throw routerFaults.ROUTE_UNREADABLE({ host: host.name, why: stderr.trim() || `${paths[0]}: exit ${code}` })
  return stdout.trimEnd() || undefined
}
