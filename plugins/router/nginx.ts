/** The router on nginx, on the host itself. Its files are in `nginx/`. */
import type { Plugin, PluginKit, Router } from '../../slots/contracts.ts'
import { check } from './check.ts'
import { curlSaid, get, parseAnswer, parseProof, parsePublic, proveLoop, reach } from './http.ts'
import { linkWay } from './link-way.ts'
import { plain } from './nginx-files.ts'
import { reloadWay } from './reload-way.ts'
import { type Paths, paths } from './site.ts'

interface Common {
  /** The name of the site, as in `server_name`. */
  readonly site: string
  /** The port of the server block that is installed; 80 unless told. */
  readonly listen?: number
  /** Where the site is asked, always on the host's own 127.0.0.1: `https://life.example` for a block of your own with TLS. */
  readonly url?: string
  /** Where the files stand, if not where Debian has them. */
  readonly paths?: Partial<Paths>
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

export function nginx(options: NginxOptions): Plugin<Router> {
  const { listen = 80, url = `http://${options.site}${listen === 80 ? '' : `:${listen}`}` } = options
  const values = { site: plain('site name', options.site), listen: plain('port', String(listen)) }
  return { name: 'nginx', create: kit => router(kit, options, values, new URL(url)) }
}

function router(kit: PluginKit, options: NginxOptions, values: Readonly<Record<string, string>>, url: URL): Router {
  const { app, host } = kit
  const at = { ...paths(plain('application name', app)), ...options.paths }
  const include = options.mode !== 'reload' && options.include === true
  const way = (options.mode === 'reload' ? reloadWay : linkWay)(kit, { at, include, values })
  const names = kit.slots.map(slot => slot.name)
  return {
    prompt: options.mode !== 'reload',
    live: way.live,
    async answer() {
      const { code, stdout, stderr } = await host.run(get(url, '/deployment_id'))
      return parsePublic(stdout, code === 0 ? undefined : curlSaid(stderr), names)
    },
    async fetch(path) {
      const { code, stdout } = await host.run(get(url, path))
      const { status, body } = parseAnswer(stdout)
      return code === 0 ? { status, body } : { status: 0, body: '' }
    },
    curl: path => reach(url, path),
    dropsKept: options.mode === 'reload',
    check: () => check(host, way.files),
    promote: (slot, generation) => way.move({ slot: slot.name, generation }),
    restore: way.move,
    async prove({ slot, generation }, limits) {
      const route = { slot, generation: way.generations ? generation : undefined }
      return parseProof(await host.ask(proveLoop(url, route, limits)), names)
    },
    provision: way.provision,
  }
}
