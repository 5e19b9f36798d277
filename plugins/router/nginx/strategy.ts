/** The interface of the two switch strategies of nginx: symlink and reload. */
import type { AssetOptions, Listening, Preview, Provision, Query, Route, Script } from '../shared.ts'
import type { Additions } from './additions.ts'
import type { Paths, Program } from './site.ts'
import type { Tls } from './tls.ts'

export interface SwitchStrategy {
  /** The site is installed if at least one file of each list exists. */
  readonly files: readonly (readonly string[])[]
  /** The files that decide about a request. */
  readonly texts: readonly string[]
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
  readonly values: Readonly<Record<'site' | 'listen' | 'more', string>>
  readonly added: Additions
  readonly tls: Tls | undefined
  /** The host names of the site: its own, and that of the preview. */
  readonly names: readonly string[]
  readonly preview: Preview<unknown> | undefined
  readonly assets?: AssetOptions | undefined
  readonly canary?: boolean | undefined
}
