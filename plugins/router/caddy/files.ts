/** The file of an application for Caddy, next to the host's own Caddyfile, which is not changed. */

import { isIP } from 'node:net'
import { posix } from 'node:path'
import {
  type AssetOptions,
  type ClientOptions,
  type HostFile,
  linkPath,
  NO_SLOT_LIVE,
  type Preview,
  rehearsal,
  type Slot,
  siteNames,
  slotAt,
} from '../shared.ts'
import { assetRoutes } from './assets.ts'
import { canaryRoutes } from './canary.ts'
import { clientOf, clientRoutes } from './clients.ts'
import { caddyFaults } from './faults.ts'
import { maintenanceRoutes } from './maintenance.ts'
import { exceptPreview, previewErrors, previewRoutes } from './preview.ts'
import { proxyTo, reverseProxy } from './proxy.ts'

export interface Application {
  readonly app: string
  readonly slots: readonly Pick<Slot, 'name' | 'port' | 'address' | 'pool'>[]
  /** The deploying user's folder, which contains the live link. */
  readonly router: string
  readonly site: string
  /** The URL for our own requests; its scheme and its port are those of the site. */
  readonly url: URL
  /** Empty for all addresses. */
  readonly bind: string
  /** Whether a site block of the user's own imports our file. */
  readonly include: boolean
  /** The host's main Caddyfile. */
  readonly config: string
  /** @default none of them */
  readonly clients?: ClientOptions
  readonly preview?: Preview | undefined
  readonly canary?: boolean | undefined
  readonly assets?: AssetOptions | undefined
}

export const FOLDER = '/etc/caddy/switchyard'
/** The line that the host's Caddyfile must contain. A pattern may match no file, so the line can be added before the first setup. */
export const IMPORT = `import ${FOLDER}/*.caddy`

/** Adds that line, unless it is there: for people, because setup does not edit their Caddyfile. */
export const importCommand = (config: string): string =>
  `grep -qxF '${IMPORT}' ${config} || echo '${IMPORT}' | sudo tee -a ${config}`

/** With `include` the pattern of `IMPORT` does not match the file, because it is not a site of its own. */
export const sitePath = (app: string, include = false): string => `${FOLDER}/${app}.${include ? 'include' : 'caddy'}`

const CADDY = '/usr/bin/caddy'
/**
 * Tests the whole configuration, as the user that Caddy runs as: root could read certificates that this user cannot read, and could create log files
 * that this user cannot write.
 */
export const configTest = (config: string): readonly string[] => [
  ...'/usr/bin/setpriv --reuid caddy --regid caddy --init-groups --reset-env'.split(' '),
  ...[CADDY, 'validate', '--adapter', 'caddyfile', '--config', config],
]

export function siteFile(application: Application): HostFile {
  const { app, site, url, bind, include, preview } = application
  const path = sitePath(app, include)
  if (include) {
    const head = `# ${app}, made by \`task setup\` of switchyard, for a site block of your own: \`import ${path}\`.\n`
    return { path, text: `${head}${EXPLAINED}${routes(application)}`, mode: 0o644 }
  }
  const head = `# ${app}, made by \`task setup\` of switchyard.\n`
  const names = siteNames(site, preview).map(name => addressOf(name, url))
  // Nobody outside can prove that a throw-away host is the site.
  const tls = rehearsal() && url.protocol === 'https:' ? 'tls internal\n' : ''
  const listen = `${bind === '' ? '' : `bind ${bind}\n`}${tls}`
  // A line that starts with a quotation mark ends a string with a line break; a tab there would be part of the string.
  const block = `${listen}${routes(application)}${previewErrors(preview)}`.replace(/^(?=[^\n"])/gm, '\t')
  return {
    path,
    text: `${head}${EXPLAINED}${names.join(', ')} {\n${block}}\n`,
    mode: 0o644,
    check: [CADDY, 'validate', '--adapter', 'caddyfile', '--config'],
  }
}

/** The address of the site block. Without `http://` Caddy serves the site over HTTPS and manages its certificate. */
export const addressOf = (site: string, { protocol, port }: URL): string =>
  `${protocol === 'http:' ? 'http://' : ''}${site}${port && `:${port}`}`

/** The address on the host to send requests to. */
export const requestAddress = (bind: string): string => (isIP(bind) === 6 ? `[${bind}]` : bind || '127.0.0.1')

/** Rejects a path with characters that are special in a Caddyfile, in a placeholder or in a pattern of file names. */
function plain(what: string, value: string): string {
  if (!/^[\w./@+-]+$/.test(value)) throw caddyFaults.CADDY_WORD_INVALID({ what, value })
  return value
}

const EXPLAINED = `# The name of one file, \`live/<slot>.<generation>\`, says which slot is live; \`live\` is a link that \`task promote\` renames into place. Caddy looks for
# the file on each request, so a promote reloads nothing, and a restart keeps the live slot.
`

/** A Caddyfile has no `\n`: its strings may contain line breaks. */
const line = (text: string) => `"${text}\n"`

/** The names of matchers have a prefix: with `include` they share the site block with those of the user. */
function routes({ slots, router, bind, clients = {}, preview, canary, assets }: Application): string {
  const names = slots.map(({ name }) => name)
  const look = `/${posix.basename(linkPath(router))}/*.*`
  const proxy = proxyTo(slots, clients)
  const rows = slots.map(slot => `\t\t~^/?live/(${slot.name})\\.(.+)$ \${1} \${2} ${slotAt(slot)}\n`)
  return `route {
	# WebSockets are passed on. Any other upgrade could bypass this server and is removed.
	@switchyard_upgrade {
		header Upgrade *
		not header_regexp Upgrade (?i)^websocket$
	}
	request_header @switchyard_upgrade -Upgrade

${clientRoutes(clients)}${maintenanceRoutes(plain('folder', router), bind, clientOf(clients), exceptPreview(preview))}	# Caddy lists the folder, then checks that the file exists. If the link moves in between, the next pattern finds the new file.
	@switchyard_live file {
		root ${plain('folder', router)}
		try_files ${look} ${look} ${look}
	}
	# Slot and generation come from one file name, so they always belong together.
	map @switchyard_live {http.matchers.file.relative} {switchyard_slot} {switchyard_generation} {switchyard_upstream} {
${rows.join('')}	}
${previewRoutes(preview, slots, proxy)}	@switchyard_slot vars {switchyard_slot} ${names.join(' ')}
	route @switchyard_slot {
		@switchyard_id path /deployment_id
		header @switchyard_id X-Deployment-Generation {switchyard_generation}
		header @switchyard_id Cache-Control no-store
		respond @switchyard_id ${line('{switchyard_slot}')}
${assetRoutes(router, slots, (upstream, lines) => reverseProxy(upstream, clients, lines), assets)}${canaryRoutes(router, slots, proxy, canary)}${proxy('{switchyard_slot}', '{switchyard_upstream}')}	}
	header Cache-Control no-store
	respond ${line(NO_SLOT_LIVE)} 503
}
`
}
