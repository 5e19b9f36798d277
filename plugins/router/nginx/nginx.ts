/** The router for nginx, on the application's host or on one of its own. The configuration files are in `nginx/` at the top of the package. */
import {
  type AssetOptions,
  assetsApart,
  assetsRule,
  bodySizeRule,
  type CanaryOption,
  type ClientOptions,
  canaryByFiles,
  canaryMarker,
  canaryRule,
  capture,
  checked,
  fields,
  flag,
  hashesOf,
  hostName,
  isUrl,
  type Listen,
  listening,
  listenLines,
  maintenanceByFiles,
  oneOf,
  optional,
  type PlaceOptions,
  type Plugin,
  type PluginContext,
  type PreviewOption,
  pageSetting,
  placeOf,
  placeRules,
  placeSettings,
  portOf,
  previewAddress,
  previewOf,
  previewRule,
  previewSetting,
  type Router,
  reloadedQuery,
  type SiteAccess,
  shownOf,
  siteNames,
  siteQueries,
  text,
  thing,
  trustedProxiesRule,
  type Wrong,
} from '../shared.ts'
import { additions, extraRule } from './additions.ts'
import { certificateOf, check } from './check.ts'
import { conflictFault, conflicts, readConfiguration } from './conflicts.ts'
import { type NginxPreviewAuth, previewAuthRule } from './preview.ts'
import { reloadStrategy } from './reload-strategy.ts'
import { defaultPaths, type Paths, programOf } from './site.ts'
import type { Site } from './strategy.ts'
import { symlinkStrategy } from './symlink-strategy.ts'
import { maintenanceMarker, plainWord } from './templates.ts'
import { HTTPS_PORT, lineageOf, type Tls, tlsListeners, tlsRule } from './tls.ts'

interface Common extends Pick<ClientOptions, 'bodySize'>, PreviewOption<NginxPreviewAuth>, PlaceOptions {
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
  /**
   * Lines for the server block, in the syntax of nginx, each complete. `setup` installs them with the site; a test of the whole configuration rejects
   * invalid ones before anything changes.
   *
   * @example ['gzip on;', 'location = /ping { return 204; }']
   */
  readonly extra?: readonly string[]
}

/** Options of the server block that `setup` installs. */
interface Installed extends Pick<ClientOptions, 'trustedProxies'> {
  /**
   * HTTPS on port 443 of the same addresses as `listen`, with a redirect of HTTP: with a certificate of your own, whose renewal has to reload nginx, or
   * with one of certbot. Then `setup` prints the command that gets the first one; until there is one, the site answers without HTTPS. A renewal
   * reloads nothing.
   *
   * @example { certificate: '/etc/ssl/life.pem', key: '/etc/ssl/private/life.key' }
   * @default none
   */
  readonly tls?: Tls
  /**
   * Offers HTTP/2 with `tls`.
   *
   * @default true
   */
  readonly http2?: boolean
}

interface Assets {
  /**
   * For files whose names contain a hash of their content: pages of the previous release ask for its files until they are loaded again. One that the
   * live release lacks is served from the other slot, or from a release that was live before. Not with `mode: 'reload'`.
   *
   * @example { path: '/assets/', folder: 'public' }
   */
  readonly assets?: AssetOptions
}

/** The options, of which `canary` is not for `mode: 'reload'`. */
export type NginxOptions = Common &
  Assets &
  CanaryOption &
  (
    | (Installed & {
        /**
         * `link`: nginx reads a symbolic link on each request, so a switch needs no reload and loses no request. `reload`: one site file per slot; a switch
         * reloads nginx, which can lose requests.
         *
         * @default 'link'
         */
        readonly mode?: 'link' | 'reload'
        readonly include?: false
      })
    | {
        readonly mode?: 'link'
        /**
         * For a server block of your own that includes our file: `setup` prints the include line and installs no site.
         *
         * @default false
         */
        readonly include: true
      }
  )

const address = (value: unknown) => typeof value === 'number' || typeof value === 'string'

const OPTIONS = fields<NginxOptions>({
  site: hostName,
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
  bodySize: optional(bodySizeRule),
  extra: optional(extraRule),
  preview: optional(previewRule(previewAuthRule)),
  tls: optional(tlsRule),
  http2: optional(flag),
  trustedProxies: optional(trustedProxiesRule),
  mode: optional(oneOf('link', 'reload')),
  include: optional(flag),
  assets: optional(assetsRule),
  ...canaryRule,
  ...placeRules,
})

/** Options that would be ignored silently beside a server block of the user's own, or with a reload. */
const APPLICABLE = {
  check(value: unknown): Wrong | undefined {
    const { include, mode, assets, canary, on, upstream, ...options } = value as Partial<Installed> & {
      readonly include?: boolean
      readonly canary?: boolean
      readonly on?: unknown
      readonly upstream?: unknown
      readonly mode?: string
      readonly assets?: AssetOptions
    }
    if (mode === 'reload' && assets !== undefined)
      return { path: ['assets'], got: "used with `mode: 'reload'`", expected: "left out, or used with `mode: 'link'`" }
    if (mode === 'reload' && canary === true)
      return { path: ['canary'], got: "used with `mode: 'reload'`", expected: "left out, or used with `mode: 'link'`" }
    const apart = assetsApart(on, assets)
    if (apart) return apart
    if (Array.isArray(upstream) && upstream.length > 1 && (include === true || mode === 'reload'))
      return { path: ['upstream'], got: 'a list', expected: "one address beside `include` or `mode: 'reload'`" }
    const name = (['tls', 'http2', 'trustedProxies'] as const).find(option => options[option] !== undefined)
    if (include !== true || mode === 'reload' || name === undefined) return undefined
    return { path: [name], got: 'used with `include`', expected: 'left out: it belongs in your own server block' }
  },
}

export function nginx(options: NginxOptions): Plugin<Router> {
  checked('nginx()', OPTIONS, options)
  checked('nginx()', APPLICABLE, options)
  const { site, program, service, folder, paths: overrides = {}, mode, canary = false } = options
  const place = placeOf('nginx()', options)
  const listen = listening(options.listen ?? 80)
  const { port } = listen.requestAt
  const preview = previewOf(options.preview)
  const names = siteNames(site, preview)
  const values = {
    site: plainWord('site name', site),
    listen: listenLines(listen.listeners),
    // In a directive of its own, so that a site file that others edited can be compared line by line.
    more: names.length > 1 ? `server_name ${names[1]};` : '',
  }
  const include = mode !== 'reload' && options.include === true
  const installed: Installed = include ? {} : (options as Installed)
  const { tls, http2, trustedProxies } = installed
  // Without a certificate of certbot there is no HTTPS yet; with one, the site redirects our requests.
  const ownUrl = typeof tls === 'object' ? `https://${site}` : `http://${site}${port === 80 ? '' : `:${port}`}`
  const url = new URL(options.url ?? ownUrl)
  const moved = new Map<string, URL>()
  const create = (context: PluginContext): Router => {
    const { enabled, ...others } = overrides
    const paths = {
      ...defaultPaths(plainWord('application name', context.app), folder),
      ...others,
      ...(enabled && { enabled: [enabled] }),
    }
    const nginxProgram = programOf(program, service)
    const { bodySize, extra, assets } = options
    const added = additions(
      { ...installed, preview, ...(bodySize && { bodySize }), ...(extra && { extra }), ...(canary && { canary }) },
      { app: context.app, names, slots: context.slots, listeners: listen.listeners, paths, program: nginxProgram },
      mode === 'reload' ? '    ' : '',
    )
    const parts = {
      paths,
      include,
      values,
      program: nginxProgram,
      listening: listen,
      added,
      tls,
      names,
      preview,
      assets,
      canary,
    }
    return router(context, mode, parts, { url, moved, maintenancePage: options.maintenancePage })
  }
  const settings: Plugin<Router>['settings'] = ({ app }) => ({
    site,
    listen: options.listen ?? 80,
    url: url.origin,
    mode: mode ?? 'link',
    ...(mode !== 'reload' && { include, assets: options.assets, canary }),
    ...(!include && { tls: tls ?? 'none', ...(tls && { http2: http2 ?? true }), trustedProxies: trustedProxies ?? [] }),
    bodySize: options.bodySize ?? 'as nginx',
    extra: options.extra ?? [],
    preview: previewSetting(preview),
    program: programOf(program).path,
    service: programOf(program, service).service,
    paths: { ...defaultPaths(app, folder), ...overrides },
    maintenancePage: pageSetting(options.maintenancePage),
    ...placeSettings(options),
  })
  const shown = shownOf(names, url)
  return { name: 'nginx', kind: 'router', canary, ...place, shown, secrets: hashesOf(preview), settings, create }
}

function router(
  context: PluginContext,
  mode: NginxOptions['mode'],
  parts: Site,
  { url, moved, maintenancePage }: Pick<SiteAccess, 'url' | 'moved'> & { readonly maintenancePage: string | undefined },
): Router {
  const { paths, include, listening: listen, program, tls, names, preview } = parts
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
    get preview() {
      return preview && previewAddress(preview, queries.site)
    },
    curl: queries.curl,
    outside: queries.outside,
    verify: queries.verify,
    ...maintenanceByFiles(context, {
      installed: strategy.texts,
      needle: maintenanceMarker(context.layout.router),
      page: maintenancePage,
    }),
    ...(parts.canary &&
      canaryByFiles(context, { installed: strategy.texts, needle: canaryMarker(context.layout.router) })),
    dropsKeepAlive: mode === 'reload',
    reloaded: () => reloadedQuery(program.service),
    check: path =>
      check(
        {
          program,
          files: strategy.files,
          own: mode === 'reload' ? undefined : strategy.own,
          guard: queries.guard(path, strategy.livePort),
          certificate: tls && certificateOf(tls, { app: context.app, names, paths }),
        },
        path,
      ),
    promote: (slot, generation) => strategy.switchTo({ slot: slot.name, generation }),
    restore: strategy.switchTo,
    conflicts() {
      const ours = {
        site: parts.values.site,
        listeners: include ? [] : [...listen.listeners, ...(tls ? tlsListeners(listen.listeners) : [])],
        requestAt: { address: listen.requestAt.address, port: portOf(url) },
        enabled: paths.enabled,
        files: include ? [] : strategy.own,
        include: paths.include,
      }
      return capture(readConfiguration(program.path), (text, { name }) =>
        names.flatMap((site, i) =>
          conflicts(text, { ...ours, site })
            .filter(({ kind }) => i === 0 || kind === 'name')
            .map(conflict => conflictFault(name, site, conflict)),
        ),
      )
    },
    provision: () => ({
      ...strategy.provision(),
      server: { unit: program.service, processes: ['nginx'], ports: portsOf(parts) },
      ...(tls === 'certbot' && { recommended: { certbot: 'certbot' } }),
      ...(tls && { certificate: tls === 'certbot' ? lineageOf(names[0] ?? '') : tls }),
    }),
  }
}

/** A site on port 80 may get HTTPS later, from certbot for instance. */
function portsOf({ listening: { listeners }, tls }: Site): readonly number[] {
  const ports = listeners.map(({ port }) => port)
  return [...new Set(tls || ports.includes(80) ? [...ports, HTTPS_PORT] : ports)]
}
