/** The router for nginx on the host itself. The configuration files are in `nginx/` at the top of the package. */
import { capture } from '../../../host/query.ts'
import { checked, fields, flag, isUrl, oneOf, optional, text, thing } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Router } from '../../../slots/contracts.ts'
import { type Listen, listening, listenLines } from '../listen.ts'
import { maintenanceByFiles } from '../maintenance.ts'
import { pageSetting } from '../maintenance-page.ts'
import { type SiteAccess, siteQueries } from '../site-queries.ts'
import { portOf } from '../site-request.ts'
import { check } from './check.ts'
import { conflictFault, conflicts, readConfiguration } from './conflicts.ts'
import { reloadStrategy } from './reload-strategy.ts'
import { defaultPaths, type Paths, programOf } from './site.ts'
import type { Site } from './strategy.ts'
import { symlinkStrategy } from './symlink-strategy.ts'
import { maintenanceMarker, plainWord } from './templates.ts'

interface Common {
  /** The host name of the site, as in `server_name`. */
  readonly site: string
  /**
   * Where the installed server block listens: a port on all addresses; an address with a port, such as `'10.0.0.5:8080'`, `'[::1]:80'`, `'*:80'` (IPv4
   * only) or `'[::]:80'` (IPv6 only); or a list of these. Our own requests go to the first. With `include`: where your own server block listens.
   *
   * @default 80
   */
  readonly listen?: Listen
  /**
   * The URL for our own requests to the site, which never leave the host. Needed for a server block of your own with TLS.
   *
   * @example 'https://life.example'
   * @default `http://<site>`, with the port of `listen`
   */
  readonly url?: string
  /**
   * Full path of the program, such as `/usr/bin/openresty`.
   *
   * @default '/usr/sbin/nginx'
   */
  readonly program?: string
  /**
   * The systemd unit of the program, such as `openresty`.
   *
   * @default 'nginx'
   */
  readonly service?: string
  /**
   * The configuration folder of nginx.
   *
   * @default '/etc/nginx'
   */
  readonly folder?: string
  /**
   * Overrides the paths of single files.
   *
   * @default `enabled`: in `sites-enabled` or `conf.d` of `folder`, whichever nginx reads
   */
  readonly paths?: Partial<Omit<Paths, 'enabled'>> & { readonly enabled?: string }
  /**
   * A page of your own for `task maintenance on`, an HTML file relative to the Taskfile. Each `{{ message }}` in it shows the text of `--message`.
   *
   * @example 'maintenance.html'
   * @default a plain page with the message
   */
  readonly maintenancePage?: string
}

export type NginxOptions = Common &
  (
    | {
        /**
         * nginx reads a symbolic link on each request, so a switch needs no reload and loses no request.
         *
         * @default 'link'
         */
        readonly mode?: 'link'
        /**
         * For a server block of your own that includes our file: `setup` prints the include line and installs no site.
         *
         * @default false
         */
        readonly include?: boolean
      }
    | {
        /** One site file per slot. A switch reloads nginx, which can lose requests. */
        readonly mode: 'reload'
      }
  )

const address = (value: unknown) => typeof value === 'number' || typeof value === 'string'

const OPTIONS = fields<NginxOptions>({
  site: text,
  listen: optional(
    thing<Listen>(
      'a port such as 8080, an address with its port such as "10.0.0.5:8080", or a list of these',
      value => !Number.isNaN(value) && (address(value) || (Array.isArray(value) && value.every(address))),
    ),
  ),
  url: optional(thing('a URL such as "https://life.example"', isUrl)),
  program: optional(text),
  service: optional(text),
  folder: optional(text),
  paths: optional(
    fields<NonNullable<NginxOptions['paths']>>({
      folder: optional(text),
      include: optional(text),
      available: optional(text),
      enabled: optional(text),
    }),
  ),
  maintenancePage: optional(text),
  mode: optional(oneOf('link', 'reload')),
  include: optional(flag),
})

export function nginx(options: NginxOptions): Plugin<Router> {
  checked('nginx()', OPTIONS, options)
  const { site, program, service, folder, paths: overrides = {}, mode } = options
  const listen = listening(options.listen ?? 80)
  const { port } = listen.requestAt
  const values = { site: plainWord('site name', site), listen: listenLines(listen.listeners) }
  const url = new URL(options.url ?? `http://${site}${port === 80 ? '' : `:${port}`}`)
  const moved = new Map<string, URL>()
  const create = (context: PluginContext): Router => {
    const { enabled, ...others } = overrides
    const paths = {
      ...defaultPaths(plainWord('application name', context.app), folder),
      ...others,
      ...(enabled && { enabled: [enabled] }),
    }
    const include = mode !== 'reload' && options.include === true
    const parts = { paths, include, values, program: programOf(program, service), listening: listen }
    return router(context, mode, parts, { url, moved, maintenancePage: options.maintenancePage })
  }
  const settings: Plugin<Router>['settings'] = ({ app }) => ({
    site,
    listen: options.listen ?? 80,
    url: url.origin,
    mode: mode ?? 'link',
    ...(mode !== 'reload' && { include: options.include ?? false }),
    program: programOf(program).path,
    service: programOf(program, service).service,
    paths: { ...defaultPaths(app, folder), ...overrides },
    maintenancePage: pageSetting(options.maintenancePage),
  })
  return { name: 'nginx', kind: 'router', shown: [site, url.origin, url.host, url.hostname], settings, create }
}

function router(
  context: PluginContext,
  mode: NginxOptions['mode'],
  parts: Site,
  { url, moved, maintenancePage }: Pick<SiteAccess, 'url' | 'moved'> & { readonly maintenancePage: string | undefined },
): Router {
  const { paths, include, listening: listen, program } = parts
  const strategy = (mode === 'reload' ? reloadStrategy : symlinkStrategy)(context, parts)
  const queries = siteQueries(context, {
    url,
    moved,
    address: listen.requestAt.address,
    generations: strategy.generations,
  })
  return {
    live: strategy.live,
    answer: queries.answer,
    fetch: queries.fetch,
    get site() {
      return queries.site
    },
    curl: queries.curl,
    outside: queries.outside,
    verify: queries.verify,
    ...maintenanceByFiles(context, {
      installed: strategy.texts,
      needle: maintenanceMarker(context.layout.router),
      page: maintenancePage,
    }),
    dropsKeepAlive: mode === 'reload',
    check: path =>
      check(
        {
          program,
          files: strategy.files,
          own: mode === 'reload' ? undefined : strategy.own,
          guard: queries.guard(path, strategy.livePort),
        },
        path,
      ),
    promote: (slot, generation) => strategy.switchTo({ slot: slot.name, generation }),
    restore: strategy.switchTo,
    conflicts() {
      const ours = {
        site: parts.values.site,
        listeners: include ? [] : listen.listeners,
        requestAt: { address: listen.requestAt.address, port: portOf(url) },
        enabled: paths.enabled,
        files: include ? [] : strategy.own,
        include: paths.include,
      }
      return capture(readConfiguration(program.path), (text, { name }) =>
        conflicts(text, ours).map(conflict => conflictFault(name, ours.site, conflict)),
      )
    },
    provision: strategy.provision,
  }
}
