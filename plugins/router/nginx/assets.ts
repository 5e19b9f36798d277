/**
 * Assets of earlier releases: right after a switch, pages of the previous release still ask for files that the new one lacks. nginx then asks the other
 * slot, and after that looks into the releases that were live before.
 */
import { posix } from 'node:path'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import { count, fields, optional, type Rule, thing } from '../../../runner/taskfile/shape.ts'
import type { Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { applicationLocation, render } from './templates.ts'

export interface AssetOptions {
  /**
   * The beginning of the paths of files whose names contain a hash of their content.
   *
   * @example '/assets/'
   */
  readonly path: string
  /**
   * The folder in a release that has the files below `path`, such as `public` for `public/assets/app-3fa9c21.js`; may contain `*`. With it a file is also
   * found in releases that no slot has any more. Their files must be readable for everybody.
   *
   * @example 'priv/static'
   */
  readonly folder?: string
  /**
   * In how many releases that were live before a file is looked for. Old releases are removed from the host after a deploy, whatever this says.
   *
   * @default 3
   */
  readonly keep?: number
}

export const assetsRule: Rule<AssetOptions> = fields<AssetOptions>({
  path: thing<string>(
    'the beginning of paths, with a slash at both ends, such as "/assets/"',
    value => typeof value === 'string' && /^\/[\w.-][\w./-]*\/$/.test(value),
  ),
  folder: optional(
    thing<string>(
      'a folder in the release such as "public"',
      value => typeof value === 'string' && /^[\w.*-][\w./*-]*$/.test(value) && !value.split('/').includes('..'),
    ),
  ),
  keep: optional(count(1)),
})

const KEEP = 3

const keptFolder = (router: string): string => posix.join(router, 'assets')

/** The locations for the assets, for the placeholder `@assets@`; nothing without the option. They pass requests on exactly as `location /` does. */
export function assetsBlock(
  router: string,
  slots: readonly Pick<Slot, 'name' | 'port' | 'address'>[],
  options: AssetOptions | undefined,
): string {
  if (options === undefined) return ''
  const { path, folder, keep = KEEP } = options
  const proxy = render(applicationLocation(), {}, slots)
  const others = slots.map(({ name, port }) => {
    const other = slots.find(slot => slot.name !== name)
    return `if ($switchyard_port = ${port}) { set $switchyard_other ${other?.port}; }`
  })
  const places = Array.from({ length: keep + 1 }, (_, i) => `/${i + 1}$uri`).join(' ')
  return `# Pages of the previous release still ask for assets that the new one lacks: then the other slot is asked.
set $switchyard_other "";
${others.join('\n')}
location ^~ ${path} {
    proxy_intercept_errors on;
    recursive_error_pages on;
    error_page 404 = @switchyard_other;
${proxy}}

location @switchyard_other {
    proxy_intercept_errors on;
    recursive_error_pages on;
    # It may be down.
    error_page 404 500 502 503 504 = @switchyard_kept;
${proxy.replaceAll('$switchyard_port', '$switchyard_other')}}

location @switchyard_kept {
    # The releases that were live, newest first.
    root ${keptFolder(router)};
    ${folder === undefined ? 'return 404;' : `try_files ${places} =404;`}
}`
}

/** Runs before a switch to a slot. Must not prevent it. */
export const keepAssets = (layout: Layout, slot: string, { folder, keep = KEEP }: AssetOptions): Script =>
  folder === undefined
    ? sh.read`:`
    : sh.write`(
${program(new URL('./keep-assets.sh', import.meta.url), {
  writes: true,
  parameters: { kept: keptFolder(layout.router), current: layout.slot(slot).current, folder, count: keep + 1 },
})}
) > /dev/null 2>&1 || :`
