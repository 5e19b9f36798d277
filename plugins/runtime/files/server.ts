/** The servers that can serve the releases of a static site: each is the router too. */
import { sh } from '../../../host/script.ts'
import type { HostFile, PluginContext, Provision } from '../../../slots/contracts.ts'
import { caddyFaults } from '../../router/caddy/faults.ts'
import { FOLDER, IMPORT } from '../../router/caddy/files.ts'
import { routerFaults } from '../../router/faults.ts'
import { plainWord } from '../../router/nginx/templates.ts'
import { NGINX, slotServers, slotsFile } from '../nginx-slots.ts'
import { caddyConfig } from './caddy-config.ts'
import { configOf, type StaticSite } from './config.ts'
import { linksFolder, reloadCaddy } from './scripts.ts'

export interface FilesServer {
  /** Its systemd unit, without `.service`. */
  readonly service: string
  /** The file with the servers of the slots. */
  file(app: string): string
  /** What installs that file. */
  provision(context: Pick<PluginContext, 'app' | 'layout' | 'slots'>, site: StaticSite): Provision
  /** The error if the file is missing, and if the server does not run. */
  readonly missing: (data: { host: string; path: string }) => Error
  readonly down: (data: { host: string }) => Error
}

const nginx: FilesServer = {
  service: NGINX.service,
  file: slotsFile,
  provision: ({ app, layout, slots }, site) =>
    slotServers(app, configOf(plainWord('folder', linksFolder(layout)), slots, site)),
  missing: routerFaults.NGINX_NOT_SET_UP,
  down: routerFaults.NGINX_DOWN,
}

const CADDY = '/usr/bin/caddy'

const caddy: FilesServer = {
  service: 'caddy',
  // The Caddyfile imports it with the sites.
  file: app => `${FOLDER}/${app}.slots.caddy`,
  provision({ app, layout, slots }, site) {
    const file: HostFile = {
      path: caddy.file(app),
      text: caddyConfig(plainWord('folder', linksFolder(layout)), slots, site),
      mode: 0o644,
      check: [CADDY, 'validate', '--adapter', 'caddyfile', '--config'],
    }
    const { path } = file
    const port = slots[0]?.port ?? 0
    const unread = `Caddy does not read ${path}. Add this line to its Caddyfile, outside any block: ${IMPORT}`
    const apply = reloadCaddy({ path, port, unread })
    const unapply = sh.write`if systemctl is-active --quiet caddy; then systemctl reload caddy; fi`
    const tools = { [CADDY]: 'caddy', curl: 'curl' }
    return { tools, files: [file], folders: [], sudo: [], apply: [apply], unapply: [unapply] }
  },
  missing: caddyFaults.CADDY_NOT_SET_UP,
  down: caddyFaults.CADDY_DOWN,
}

const SERVERS: Readonly<Record<string, FilesServer>> = { nginx, caddy }

/** The routers that serve releases. */
export const FILES_ROUTERS: readonly string[] = Object.keys(SERVERS)

export const serverBehind = (router = 'nginx'): FilesServer => SERVERS[router] ?? nginx
