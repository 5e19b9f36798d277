/**
 * Assets of earlier releases: right after a switch, pages of the previous release still ask for files that the new one lacks. The router then asks the other
 * slot; one that serves files also looks into the releases that were live before, to which links in `router/assets` lead.
 */
import { posix } from 'node:path'
import { program } from '../../host/program.ts'
import type { Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { count, fields, optional, type Rule, thing, type Wrong } from '../../runner/taskfile/shape.ts'
import type { Route } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'

export interface AssetPath {
  /**
   * The beginning of the paths of files whose names contain a hash of their content.
   *
   * @example '/assets/'
   */
  readonly path: string
}

/** For a router that serves files. */
export interface AssetOptions extends AssetPath {
  /**
   * The folder in a release that has the files below `path`, such as `public` for `public/assets/app-3fa9c21.js`; may contain `*`. With it a file is also
   * found in releases that no slot has any more. Their files must be readable for everybody. Not with `on`: the files are on the application's host.
   *
   * @example 'priv/static'
   */
  readonly folder?: string
  /**
   * With `folder`: in how many releases that were live before a file is looked for. Old releases are removed from the host after a deploy, whatever this
   * says.
   *
   * @default 3
   */
  readonly keep?: number
}

const pathRule = thing<string>(
  'the beginning of paths, with a slash at both ends, such as "/assets/"',
  value => typeof value === 'string' && /^\/[\w.-][\w./-]*\/$/.test(value),
)

const shape = fields<AssetOptions>({
  path: pathRule,
  folder: optional(
    thing<string>(
      'a folder in the release such as "public"',
      value => typeof value === 'string' && /^[\w.*-][\w./*-]*$/.test(value) && !value.split('/').includes('..'),
    ),
  ),
  keep: optional(count(1)),
})

export const assetsRule: Rule<AssetOptions> = {
  ...shape,
  check(value) {
    const { folder, keep } = (value ?? {}) as Partial<AssetOptions>
    const alone = keep !== undefined && folder === undefined
    return (
      shape.check(value) ?? (alone ? { path: ['keep'], got: 'used without `folder`', expected: 'left out' } : undefined)
    )
  },
}

/** For a router that serves no files. `server` is its name. */
export const assetPathRule = (server: string): Rule<AssetPath> => {
  const own = fields<AssetPath>({ path: pathRule }, 'an object with `path`')
  return {
    ...own,
    check(value) {
      const name = (['folder', 'keep'] as const).find(
        option => typeof value === 'object' && value !== null && option in value,
      )
      if (name === undefined) return own.check(value)
      return {
        path: [name],
        got: `used with ${server}`,
        expected: `left out: ${server} serves no files and asks the other slot alone`,
      }
    },
  }
}

/** What a router on a host of its own cannot read. */
export const assetsApart = (on: unknown, assets: AssetOptions | undefined): Wrong | undefined =>
  on !== undefined && assets?.folder !== undefined
    ? {
        path: ['assets', 'folder'],
        got: 'used with `on`',
        expected: "left out: the files are on the application's host",
      }
    : undefined

const KEEP = 3

export const keptFolder = (router: string): string => posix.join(router, 'assets')

/** The names of the links in `keptFolder` that may exist, newest first; none without `folder`. */
export const keptLinks = ({ folder, keep = KEEP }: AssetOptions): readonly string[] =>
  folder === undefined ? [] : Array.from({ length: keep + 1 }, (_, i) => String(i + 1))

/** Runs before a switch to a slot. Must not prevent it. */
export const keepAssets = (layout: Layout, slot: string, assets: AssetOptions): Script =>
  assets.folder === undefined
    ? sh.read`:`
    : sh.write`(
${program(new URL('./keep-assets.sh', import.meta.url), {
  writes: true,
  parameters: {
    kept: keptFolder(layout.router),
    current: layout.slot(slot).current,
    folder: assets.folder,
    count: keptLinks(assets).length,
  },
})}
) > /dev/null 2>&1 || :`

/** A switch that first remembers the release of its slot, for the requests that come when no slot has it any more. */
export const switchKeeping =
  (layout: Layout, assets: AssetOptions | undefined, switchTo: (route: Route) => Query<void>) =>
  (route: Route): Query<void> => {
    const query = switchTo(route)
    if (assets?.folder === undefined || route.slot === undefined) return query
    return { ...query, script: sh.lines(keepAssets(layout, route.slot, assets), query.script) }
  }
