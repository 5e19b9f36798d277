/** The router on nginx, on the host itself. Its files are in `nginx/`. */
import { capture } from '../../../host/query.ts'
import { checked, fields, flag, isUrl, oneOf, optional, text, thing } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Router } from '../../../slots/contracts.ts'
import { type AskedSite, asking } from '../asking.ts'
import { guardOf } from '../guard.ts'
import { portOf } from '../site-request.ts'
import { check } from './check.ts'
import { conflictFault, conflicts, readConfiguration } from './conflicts.ts'
import { type Listen, listening, listenLines } from './listen.ts'
import { reloadStrategy } from './reload-strategy.ts'
import { type Paths, paths, programOf } from './site.ts'
import type { Site } from './strategy.ts'
import { symlinkStrategy } from './symlink-strategy.ts'
import { plain } from './templates.ts'

interface Common {
  /** The name of the site, as in `server_name`. */
  readonly site: string
  /**
   * Where the server block that is installed listens: a port, such as `8080`, for all addresses; an address with its port, such as
   * `'10.0.0.5:8080'`, `'[::1]:80'`, `'*:80'` (IPv4 alone) or `'[::]:80'` (IPv6 alone); or a list of these. The site is asked at the first of them. With
   * `include`: where your own block listens. Default 80.
   */
  readonly listen?: Listen
  /** Under which URL the site is asked, always on the host itself: `https://life.example` for a block of your own with TLS. Default: `http://`, the site, and the port. */
  readonly url?: string
  /** The program, by its full path, such as `/usr/bin/openresty`. Default `/usr/sbin/nginx`. */
  readonly program?: string
  /** The systemd unit that runs it, such as `openresty`. Default `nginx`. */
  readonly service?: string
  /** The folder of its configuration. Default `/etc/nginx`. */
  readonly folder?: string
  /** Where single files stand, if not where they belong in that folder. Default of `enabled`: in `sites-enabled` or `conf.d`, as nginx reads it. */
  readonly paths?: Partial<Omit<Paths, 'enabled'>> & { readonly enabled?: string }
}

export type NginxOptions = Common &
  (
    | {
        /** The default: nginx looks at a link at each request; nothing is reloaded and no request is lost. */
        readonly mode?: 'link'
        /** A server block of your own includes ours; `setup` prints the line for it, and installs no site. */
        readonly include?: boolean
      }
    | {
        /** A site file for each slot, and a reload, which can lose requests. */
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
  mode: optional(oneOf('link', 'reload')),
  include: optional(flag),
})

export function nginx(options: NginxOptions): Plugin<Router> {
  checked('nginx()', OPTIONS, options)
  const { site, program, service, folder, paths: own = {}, mode } = options
  const listen = listening(options.listen ?? 80)
  const { port } = listen.ask
  const values = { site: plain('site name', site), listen: listenLines(listen.listeners) }
  const url = new URL(options.url ?? `http://${site}${port === 80 ? '' : `:${port}`}`)
  const moved = new Map<string, URL>()
  const create = (kit: PluginContext): Router => {
    const { enabled, ...others } = own
    const at = {
      ...paths(plain('application name', kit.app), folder),
      ...others,
      ...(enabled && { enabled: [enabled] }),
    }
    const include = mode !== 'reload' && options.include === true
    const parts = { at, include, values, program: programOf(program, service), listening: listen }
    return router(kit, mode, parts, { url, moved })
  }
  return { name: 'nginx', kind: 'router', shown: [site, url.origin, url.host, url.hostname], create }
}

function router(
  kit: PluginContext,
  mode: NginxOptions['mode'],
  parts: Site,
  { url, moved }: Pick<AskedSite, 'url' | 'moved'>,
): Router {
  const { at, include, listening: listen, program } = parts
  const strategy = (mode === 'reload' ? reloadStrategy : symlinkStrategy)(kit, parts)
  const asked = asking(kit, { url, moved, address: listen.ask.address, generations: strategy.generations })
  return {
    live: strategy.live,
    answer: asked.answer,
    fetch: asked.fetch,
    get site() {
      return asked.site
    },
    curl: asked.curl,
    verify: asked.verify,
    dropsKeepAlive: mode === 'reload',
    check: path =>
      check({
        program,
        files: strategy.files,
        own: mode === 'reload' ? undefined : strategy.own,
        guard: guardOf(path, asked.place(), strategy.livePort),
      }),
    promote: (slot, generation) => strategy.move({ slot: slot.name, generation }),
    restore: strategy.move,
    conflicts() {
      const ours = {
        site: parts.values.site,
        listeners: include ? [] : listen.listeners,
        ask: { address: listen.ask.address, port: portOf(url) },
        enabled: at.enabled,
        files: include ? [] : strategy.own,
        include: at.include,
      }
      return capture(readConfiguration(program.path), (text, { name }) =>
        conflicts(text, ours).map(conflict => conflictFault(name, ours.site, conflict)),
      )
    },
    provision: strategy.provision,
  }
}
