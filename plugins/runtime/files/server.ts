/** The servers that can serve the releases of a static site: each is the router too. */
import { posix } from 'node:path'
import { type Script, sh } from '../../../host/script.ts'
import type { HostFile, Obsolete, PluginContext, Provision } from '../../../slots/contracts.ts'
import { caddyFaults } from '../../router/caddy/faults.ts'
import { FOLDER, IMPORT } from '../../router/caddy/files.ts'
import { routerFaults } from '../../router/faults.ts'
import { forget } from '../../router/nginx/site.ts'
import { plainWord } from '../../router/nginx/templates.ts'
import { NGINX, slotServers, slotsFile, slotsLinks } from '../nginx-slots.ts'
import { caddyConfig } from './caddy-config.ts'
import { configOf, type StaticSite } from './config.ts'
import { linksFolder, reloadCaddy } from './scripts.ts'

type Context = Pick<PluginContext, 'app' | 'layout' | 'slots'>

export interface FilesServer {
  /** Its systemd unit, without `.service`. */
  readonly service: string
  /** The file with the servers of the slots. */
  file(app: string): string
  /** What installs that file. */
  provision(context: Context, site: StaticSite): Provision
  /** What removes it, for a site that has moved to another server: both would listen on the ports of the slots. */
  obsolete(context: Context): Obsolete
  /** The error if the file is missing, and if the server does not run. */
  readonly missing: (data: { host: string; path: string }) => Error
  readonly down: (data: { host: string }) => Error
}

const nginx: FilesServer = {
  service: NGINX.service,
  file: slotsFile,
  provision: ({ app, layout, slots }, site) =>
    slotServers(app, configOf(plainWord('folder', linksFolder(layout)), slots, site)),
  obsolete: context => obsoleteFile(context, slotsFile(context.app), forget(NGINX), slotsLinks(context.app)),
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
    const tools = { [CADDY]: 'caddy', curl: 'curl' }
    return { tools, files: [file], folders: [], sudo: [], apply: [apply], unapply: [refreshCaddy] }
  },
  obsolete: context => obsoleteFile(context, caddy.file(context.app), refreshCaddy),
  missing: caddyFaults.CADDY_NOT_SET_UP,
  down: caddyFaults.CADDY_DOWN,
}

/** Puts the deletion of a file of Caddy into effect. */
const refreshCaddy = sh.write`if systemctl is-active --quiet caddy; then systemctl reload caddy; fi`

/**
 * @param refresh makes the server read its files again, if it runs
 * @param links the links to the file, each as its possible paths
 */
function obsoleteFile(
  { layout, slots }: Context,
  path: string,
  refresh: Script,
  links: readonly string[] = [],
): Obsolete {
  const ports = slots.map(({ port }) => `sport = :${port}`).join(' or ')
  return {
    folder: posix.dirname(path),
    name: new RegExp(`^${posix.basename(path).replaceAll('.', '\\.')}$`),
    mark: `${linksFolder(layout)}/`,
    links: links.map(link => posix.dirname(link)),
    // The command for a reload may end before the old workers have closed their ports.
    end: sh.write`
${refresh}
for _ in {1..100}; do
  if [ -z "$(ss -Hltn ${ports})" ]; then break; fi
  sleep 0.1
done`,
    restored: refresh,
  }
}

const SERVERS: Readonly<Record<string, FilesServer>> = { nginx, caddy }

/** The routers that serve releases. */
export const FILES_ROUTERS: readonly string[] = Object.keys(SERVERS)

export const serverBehind = (router = 'nginx'): FilesServer => SERVERS[router] ?? nginx

/** The one that is not behind a router. */
export const otherServer = (router = 'nginx'): FilesServer => (router === 'caddy' ? nginx : caddy)
