/** The router for HAProxy, on the application's host or on one of its own. The route is a map: in the memory of the running process, updated through its socket, and in a file. */
import {
  type AssetPath,
  assetPathRule,
  bodySizeRule,
  type CanaryOption,
  type CheckFaults,
  type ClientOptions,
  canaryRule,
  capture,
  checked,
  checkQuery,
  clientSettings,
  commandFailed,
  cryptHash,
  fields,
  flag,
  hashesOf,
  hostName,
  isUrl,
  type Listen,
  listening,
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
  type Query,
  ROUTER_EXIT,
  type Route,
  type Router,
  reloadedQuery,
  routerFaults,
  type Script,
  type SiteAccess,
  sh,
  shownOf,
  siteNames,
  siteQueries,
  text,
  thing,
  trustedProxiesRule,
  userRule,
} from '../shared.ts'
import { canaryByMap, endCanaryOf } from './canary.ts'
import { conflicts, readHost } from './conflicts.ts'
import { haproxyFaults } from './faults.ts'
import { type Application, backendName, backendPath, configTest, files, frontendPath, mapPath } from './files.ts'
import { maintenanceByMaps, pageFile } from './maintenance.ts'
import { apply, check, forget, livePort, parseRoute, switchScript } from './scripts.ts'

export interface HaproxyOptions extends ClientOptions, PreviewOption, CanaryOption, PlaceOptions {
  /** The host name of the site, such as `life.example`; requests for it go to this application. */
  readonly site: string
  /**
   * Where the installed frontend listens: a port on all addresses; an address with a port, such as `'10.0.0.5:8080'`, `'[::1]:80'`, `'*:80'` (IPv4 only)
   * or `'[::]:80'` (IPv6 only); or a list of these. Our own requests go to the first. Several applications can share an address. With `include`: where
   * your own frontend listens.
   *
   * @default 80
   */
  readonly listen?: Listen
  /**
   * For a frontend of your own that sends the traffic to our backend: `setup` prints the line for it and installs no frontend.
   *
   * @default false
   */
  readonly include?: boolean
  /**
   * The URL for our own requests to the site, which never leave the host. Needed for a frontend with TLS.
   *
   * @example 'https://life.example'
   * @default `http://<site>`, with the port of `listen`
   */
  readonly url?: string
  /**
   * The host's main configuration file, which is not changed.
   *
   * @default '/etc/haproxy/haproxy.cfg'
   */
  readonly config?: string
  /**
   * A page of your own for `task maintenance on`, an HTML file relative to the Taskfile. Each `{{ message }}` in it shows the text of `--message`. `setup`
   * installs it, so run that again when it changes; it may have 12 kB.
   *
   * @example 'maintenance.html'
   * @default a plain page with the message
   */
  readonly maintenancePage?: string
  /**
   * For files whose names contain a hash of their content: pages of the previous release ask for its files until they are loaded again. One that the live
   * release lacks is served from the other slot, while that runs: HAProxy serves no files, so releases that no slot has any more are out of its reach.
   *
   * @example { path: '/assets/' }
   */
  readonly assets?: AssetPath
}

const readable = (value: unknown): boolean => {
  try {
    return (typeof value === 'string' || Number.isInteger(value)) && listening(value as Listen).listeners.length > 0
  } catch {
    return false
  }
}

const OPTIONS = fields<HaproxyOptions>({
  site: hostName,
  listen: optional(
    thing<Listen>('a port such as 8080, an address with its port such as "10.0.0.5:8080", or a list of these', value =>
      Array.isArray(value) ? value.length > 0 && value.every(readable) : readable(value),
    ),
  ),
  include: optional(flag),
  url: optional(thing('a URL such as "https://life.example"', isUrl)),
  config: optional(path),
  maintenancePage: optional(text),
  trustedProxies: optional(trustedProxiesRule),
  bodySize: optional(bodySizeRule),
  preview: optional(previewRule(userRule(cryptHash))),
  assets: optional(assetPathRule('HAProxy')),
  ...canaryRule,
  ...placeRules,
})

export function haproxy(options: HaproxyOptions): Plugin<Router> {
  checked('haproxy()', OPTIONS, options)
  const { site, listen = 80, include = false, canary = false, config = '/etc/haproxy/haproxy.cfg' } = options
  const place = placeOf('haproxy()', options)
  const entries = [...new Set([listen].flat().map(String))]
  const { requestAt } = listening(entries)
  const url = new URL(options.url ?? `http://${site}${requestAt.port === 80 ? '' : `:${requestAt.port}`}`)
  const preview = previewOf(options.preview)
  const names = siteNames(site, preview)
  const access = { url, address: requestAt.address, generations: true, moved: new Map<string, URL>() }
  const create = (context: PluginContext): Router =>
    router(
      context,
      access,
      {
        app: context.app,
        site,
        slots: context.slots,
        router: context.layout.router,
        listen: include ? [] : entries,
        config,
        clients: options,
        preview,
        canary,
        assets: options.assets,
      },
      options.maintenancePage,
    )
  const settings = () => ({
    site,
    listen,
    include,
    url: url.origin,
    config,
    maintenancePage: pageSetting(options.maintenancePage),
    ...clientSettings(options),
    preview: previewSetting(preview),
    assets: options.assets,
    canary,
    ...placeSettings(options),
  })
  const shown = shownOf(names, url)
  return { name: 'haproxy', kind: 'router', canary, ...place, shown, secrets: hashesOf(preview), settings, create }
}

function router(
  context: PluginContext,
  site: SiteAccess,
  application: Application,
  maintenancePage: string | undefined,
): Router {
  const queries = siteQueries(context, site)
  const map = mapPath(application.router)
  const switchTo = (route: Route): Query<void> => switchQuery(switchScript(application, route))
  // A route that is restored comes back without the canary that it had.
  const restore = (route: Route): Query<void> =>
    application.canary
      ? switchQuery(sh.lines(endCanaryOf(application, route), switchScript(application, route)))
      : switchTo(route)
  const own = [backendPath(application.app), ...application.listen.map(frontendPath)]
  const { preview } = application
  const names = siteNames(application.site, preview)
  const notes = names.map(
    name =>
      `Add this line to your own HAProxy frontend: use_backend ${backendName(name)} if { req.hdr(host),host_only -i ${name} }`,
  )
  return {
    live: () => ({
      script: sh.read`cat ${map}`,
      read({ code, stdout, stderr }, { name: host }) {
        const route = parseRoute(
          stdout.trimEnd(),
          context.slots.map(({ name }) => name),
        )
        if (code === 0 && route) return route
        const why = code === 0 ? `${map} contains ${JSON.stringify(stdout.trimEnd())}.` : stderr.trim()
        throw routerFaults.ROUTE_UNREADABLE({ host, why })
      },
    }),
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
    ...maintenanceByMaps(context, application, maintenancePage),
    ...(application.canary && canaryByMap(application)),
    verify: queries.verify,
    reloaded: () => reloadedQuery('haproxy'),
    check(path) {
      const guard = queries.guard(path, livePort(application))
      return checkQuery(check(application, guard), configTest(application.config), faultsOf(map, path))
    },
    promote: (slot, generation) => switchTo({ slot: slot.name, generation }),
    restore,
    conflicts() {
      const listeners = application.listen.flatMap(entry => listening(entry).listeners)
      return capture(readHost(application.config), (text, { name }) => conflicts(name, text, { names, listeners, own }))
    },
    provision: facts => ({
      tools: { '/usr/sbin/haproxy': 'haproxy', socat: 'socat', curl: 'curl' },
      server: { unit: 'haproxy', processes: ['haproxy'], ports: portsOf(application.listen) },
      files: [...files(application, facts), pageFile(application, context.folder, maintenancePage)],
      folders: [{ path: application.router, mode: 0o755 }],
      sudo: [configTest(application.config)],
      apply: [apply(application, facts.user)],
      unapply: [forget(application)],
      ...(application.listen.length === 0 && { notes }),
    }),
  }
}

/** Without listeners of ours the site is in a frontend of the user's own, on ports that only that names. */
const portsOf = (listen: readonly string[]): readonly number[] =>
  listen.length === 0 ? [80, 443] : [...new Set(listening(listen).listeners.map(({ port }) => port))]

const switchQuery = (script: Script): Query<void> => ({
  script,
  read(output, host) {
    if (output.code === ROUTER_EXIT.refused)
      throw haproxyFaults.HAPROXY_SWITCH_FAILED({ host: host.name, output: output.stdout.trim() })
    if (output.code !== 0) throw commandFailed(host, script, output)
  },
})

const faultsOf = (map: string, path = '/'): CheckFaults => ({
  down: haproxyFaults.HAPROXY_DOWN,
  missing: ({ host, output }) => haproxyFaults.HAPROXY_NOT_SET_UP({ host, path: output }),
  stale: ({ host, output }) => haproxyFaults.HAPROXY_STALE({ host, file: map, difference: output }),
  guarded: ({ host, status }) => haproxyFaults.HAPROXY_GUARDED({ host, path, status }),
  invalid: haproxyFaults.HAPROXY_CONFIG_INVALID,
  sudoRefused: ({ host }, refusal) => haproxyFaults.HAPROXY_SUDO_REFUSED({ host, refusal }),
  warning: haproxyFaults.HAPROXY_OTHERS_INVALID,
})
