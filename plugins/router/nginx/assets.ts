/** The locations of nginx for assets of earlier releases: the live slot, then the other one, then the releases that were live before. */
import { type AssetOptions, keptFolder, keptLinks, type Slot } from '../shared.ts'
import { applicationLocation, render } from './templates.ts'

/** The locations for the assets, for the placeholder `@assets@`; nothing without the option. They pass requests on exactly as `location /` does. */
export function assetsBlock(
  { app, router }: { readonly app: string; readonly router: string },
  slots: readonly Pick<Slot, 'name' | 'port' | 'address' | 'pool'>[],
  options: AssetOptions | undefined,
): string {
  if (options === undefined) return ''
  const { path } = options
  const proxy = render(applicationLocation(), { app }, slots)
  const others = slots.map(({ name, port }) => {
    const other = slots.find(slot => slot.name !== name)
    return `if ($switchyard_port = ${port}) { set $switchyard_other ${other?.port}; }`
  })
  const places = keptLinks(options).map(name => `/${name}$uri`)
  return `# Pages of the previous release still ask for assets that the new one lacks: then the other slot is asked.
set $switchyard_other "";
${others.join('\n')}
location ^~ ${path} {
    proxy_intercept_errors on;
    recursive_error_pages on;
    error_page 404 = @switchyard_other;
${proxy}}

location @switchyard_other {
    # A body is sent once.
    if ($request_method !~ "^(?:GET|HEAD)$") { return 404; }
    proxy_intercept_errors on;
    recursive_error_pages on;
    # It may be down.
    error_page 404 500 502 503 504 = @switchyard_kept;
${proxy.replaceAll('$switchyard_port', '$switchyard_other')}}

location @switchyard_kept {
    # The releases that were live, newest first.
    root ${keptFolder(router)};
    ${places.length === 0 ? 'return 404;' : `try_files ${places.join(' ')} =404;`}
}`
}
