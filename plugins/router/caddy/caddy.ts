/** The router for Caddy, on the application's host or on one of its own. Caddy resolves the live link on each request, so a promote reloads nothing and needs no root. */

import { isIP } from 'node:net'
import {
  type AssetOptions,
  assetsApart,
  assetsRule,
  bcryptHash,
  bodySizeRule,
  type CanaryOption,
  type CheckFaults,
  type ClientOptions,
  canaryByFiles,
  canaryRule,
  capture,
  checked,
  checkQuery,
  clientSettings,
  fields,
  flag,
  hashesOf,
  hostName,
  isUrl,
  liveLink,
  maintenanceByFiles,
  optional,
  type PlaceOptions,
  type Plugin,
  type PluginContext,
  type PreviewOption,
  pageSetting,
  path,
  placeOf,
  placeRules,
  placeSettings,
  previewAddress,
  previewOf,
  previewRule,
  previewSetting,
  type Router,
  reloadedQuery,
  type SiteAccess,
  sh,
  shownOf,
  siteNames,
  siteQueries,
  switchKeeping,
  text,
  thing,
  trustedProxiesRule,
  userRule,
} from '../shared.ts'
import { canaryMarker } from './canary.ts'
import { conflicts } from './conflicts.ts'
import { caddyFaults } from './faults.ts'
import { type Application, configTest, importCommand, requestAddress, siteFile, sitePath } from './files.ts'
import { maintenanceMarker } from './maintenance.ts'
import { apply, check, forget, readCaddyfiles, requireMarker } from './scripts.ts'

export interface CaddyOptions extends ClientOptions, PreviewOption, CanaryOption, PlaceOptions {
  /** The host name of the site, such as `life.example`; requests for it go to this application. */
  readonly site: string
  /**
   * The URL of the site: its scheme and its port are those of the site block, and our own requests, which never leave the host, go to it. With `https://`
   * Caddy gets the certificate and redirects HTTP. `http://life.example` is for a host behind a proxy that ends TLS. With `include`: the URL of your
   * own site block.
   *
   * @default `https://<site>`
   */
  readonly url?: string
  /**
   * The IP address on which Caddy listens for this site, and to which our own requests go.
   *
   * @example '10.0.0.5'
   * @default all addresses; our own requests go to `127.0.0.1`
   */
  readonly bind?: string
  /**
   * For a site block of your own, with your own TLS settings, that imports our routes: `setup` prints the line for it and installs no site.
   *
   * @default false
   */
  readonly include?: boolean
  /**
   * The host's main Caddyfile, which is not changed.
   *
   * @default '/etc/caddy/Caddyfile'
   */
  readonly config?: string
  /**
   * A page of your own for `task maintenance on`, an HTML file relative to the Taskfile. Each `{{ message }}` in it shows the text of `--message`.
   *
   * @example 'maintenance.html'
   * @default a plain page with the message
   */
  readonly maintenancePage?: string
  /**
   * For files whose names contain a hash of their content: pages of the previous release ask for its files until they are loaded again. One that the live
   * release lacks is served from a release that was live before, or from the other slot.
   *
   * @example { path: '/assets/', folder: 'public' }
   */
  readonly assets?: AssetOptions
}

const OPTIONS = fields<CaddyOptions>({
  site: hostName,
  url: optional(thing('a URL such as "http://life.example"', isUrl)),
  bind: optional(
    thing<string>('an IP address such as "10.0.0.5"', value => typeof value === 'string' && isIP(value) > 0),
  ),
  include: optional(flag),
  config: optional(path),
  maintenancePage: optional(text),
  trustedProxies: optional(trustedProxiesRule),
  bodySize: optional(bodySizeRule),
  preview: optional(previewRule(userRule(bcryptHash))),
  assets: optional(assetsRule),
  ...canaryRule,
  ...placeRules,
})

export function caddy(options: CaddyOptions): Plugin<Router> {
  checked('caddy()', OPTIONS, options)
  checked('caddy()', { check: () => assetsApart(options.on, options.assets) }, options)
  const { site, bind = '', include = false, canary = false, config = '/etc/caddy/Caddyfile' } = options
  const place = placeOf('caddy()', options)
  const url = new URL(options.url ?? `https://${site}`)
  const preview = previewOf(options.preview)
  const access = { url, address: requestAddress(bind), generations: true, moved: new Map<string, URL>() }
  const create = (context: PluginContext): Router => {
    const { app, slots, layout } = context
    const application = {
      app,
      slots,
      router: layout.router,
      site,
      url,
      bind,
      include,
      config,
      clients: options,
      preview,
      canary,
      assets: options.assets,
    }
    return router(context, access, application, options.maintenancePage)
  }
  const settings = () => ({
    site,
    url: url.origin,
    bind: bind || 'all addresses',
    include,
    config,
    maintenancePage: pageSetting(options.maintenancePage),
    ...clientSettings(options),
    preview: previewSetting(preview),
    assets: options.assets,
    canary,
    ...placeSettings(options),
  })
  const shown = shownOf(siteNames(site, preview), url)
  return { name: 'caddy', kind: 'router', canary, ...place, shown, secrets: hashesOf(preview), settings, create }
}

function router(
  context: PluginContext,
  site: SiteAccess,
  application: Application,
  maintenancePage: string | undefined,
): Router {
  const queries = siteQueries(context, site)
  const { app, config, include, preview } = application
  const link = liveLink(application.router, context.slots, (_, target) => target)
  const switchTo = switchKeeping(context.layout, application.assets, link.switchTo)
  const own = sitePath(app, include)
  const note = `Add this line to your own Caddy site block: import ${own}`
  return {
    live() {
      const query = link.live()
      return { ...query, script: sh.lines(query.script, requireMarker(application.router)) }
    },
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
    ...maintenanceByFiles(context, {
      installed: [own],
      needle: maintenanceMarker(application.router),
      page: maintenancePage,
    }),
    ...(application.canary && canaryByFiles(context, { installed: [own], needle: canaryMarker })),
    verify: queries.verify,
    reloaded: () => reloadedQuery('caddy'),
    check(path) {
      const script = check(application, queries.place(), queries.guard(path, link.livePort))
      return checkQuery(script, configTest(config), faultsOf(application, path))
    },
    promote: (slot, generation) => switchTo({ slot: slot.name, generation }),
    restore: switchTo,
    conflicts: () => capture(readCaddyfiles(config), (text, { name }) => conflicts(name, text, application)),
    provision: facts => ({
      tools: { '/usr/bin/caddy': 'caddy', curl: 'curl' },
      server: {
        unit: 'caddy',
        processes: ['caddy'],
        ports: portsOf(application.url),
        ...(!include && { step: importCommand(config) }),
      },
      files: [siteFile(application)],
      folders: [{ path: application.router, mode: 0o755 }],
      sudo: [configTest(config)],
      apply: [apply(application, facts.user)],
      unapply: [forget(application)],
      // If `include` was changed, the file of the other mode may be left over, and Caddy would have the site twice.
      rivals: [sitePath(app, !include)],
      ...(include && { notes: [note] }),
    }),
  }
}

/** With HTTPS, Caddy redirects from port 80. */
const portsOf = ({ protocol, port }: URL): readonly number[] =>
  protocol === 'https:' ? [80, Number(port || 443)] : [Number(port || 80)]

const faultsOf = ({ app, include, config }: Application, path = '/'): CheckFaults => ({
  down: caddyFaults.CADDY_DOWN,
  missing: ({ host, output }) => caddyFaults.CADDY_NOT_SET_UP({ host, path: output }),
  stale: ({ host, status }) => caddyFaults.CADDY_NOT_SERVED({ host, path: sitePath(app, include), status }),
  guarded: ({ host, status }) => caddyFaults.CADDY_GUARDED({ host, path, status }),
  invalid: ({ host, output }) => caddyFaults.CADDY_CONFIG_INVALID({ host, output, config }),
  sudoRefused: ({ host }, refusal) => caddyFaults.CADDY_SUDO_REFUSED({ host, refusal }),
  warning: caddyFaults.CADDY_OTHERS_INVALID,
})
