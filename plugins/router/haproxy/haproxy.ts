/** The router on HAProxy, on the host itself: a map in the memory of the running process, told through its socket, and the file of it. */
import { capture, commandFailed, type Query } from '../../../host/query.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Fault } from '../../../runner/fault.ts'
import { checked, fields, flag, isUrl, optional, path, thing } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Route, Router } from '../../../slots/contracts.ts'
import { sudoRefusal } from '../../../slots/sudo/refusal.ts'
import { type AskedSite, asking } from '../asking.ts'
import { routerFaults } from '../faults.ts'
import { GUARDED, guardOf } from '../guard.ts'
import { type Listen, listening } from '../nginx/listen.ts'
import { conflicts, readHost } from './conflicts.ts'
import { haproxyFaults } from './faults.ts'
import { type Application, backendName, backendPath, files, frontendPath, mapPath, testOf } from './files.ts'
import { apply, check, ENDED, livePort, move, routeIn } from './scripts.ts'

export interface HaproxyOptions {
  /** The host name of the site, such as `life.example`: requests for it go to this application. */
  readonly site: string
  /**
   * Where the frontend that is installed listens: a port, such as `8080`, for all addresses; an address with its port, such as `'10.0.0.5:8080'`,
   * `'[::1]:80'`, `'*:80'` (IPv4 alone) or `'[::]:80'` (IPv6 alone); or a list of these. The site is asked at the first of them. Applications of
   * several Taskfiles can name the same. With `include`: where your own frontend listens.
   *
   * @default 80
   */
  readonly listen?: Listen
  /** A frontend of your own sends the traffic to our backend; `setup` prints the line for it, and installs no frontend. */
  readonly include?: boolean
  /** Under which URL the site is asked, always on the host itself: `https://life.example` for a frontend with TLS. Default: `http://`, the site, and the port. */
  readonly url?: string
  /**
   * The main file of the host's own configuration, which is left alone.
   *
   * @default '/etc/haproxy/haproxy.cfg'
   */
  readonly config?: string
}

const readable = (value: unknown): boolean => {
  try {
    return (typeof value === 'string' || Number.isInteger(value)) && listening(value as Listen).listeners.length > 0
  } catch {
    return false
  }
}

const OPTIONS = fields<HaproxyOptions>({
  site: thing<string>(
    'a host name such as "life.example"',
    value => typeof value === 'string' && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value),
  ),
  listen: optional(
    thing<Listen>('a port such as 8080, an address with its port such as "10.0.0.5:8080", or a list of these', value =>
      Array.isArray(value) ? value.length > 0 && value.every(readable) : readable(value),
    ),
  ),
  include: optional(flag),
  url: optional(thing('a URL such as "https://life.example"', isUrl)),
  config: optional(path),
})

export function haproxy(options: HaproxyOptions): Plugin<Router> {
  checked('haproxy()', OPTIONS, options)
  const { site, listen = 80, include = false, config = '/etc/haproxy/haproxy.cfg' } = options
  const entries = [...new Set([listen].flat().map(String))]
  const { ask } = listening(entries)
  const url = new URL(options.url ?? `http://${site}${ask.port === 80 ? '' : `:${ask.port}`}`)
  const asked = { url, address: ask.address, generations: true, moved: new Map<string, URL>() }
  const create = (kit: PluginContext): Router =>
    router(kit, asked, {
      app: kit.app,
      site,
      slots: kit.slots,
      router: kit.layout.router,
      listen: include ? [] : entries,
      config,
    })
  return { name: 'haproxy', kind: 'router', shown: [site, url.origin, url.host, url.hostname], create }
}

function router(kit: PluginContext, site: AskedSite, application: Application): Router {
  const asked = asking(kit, site)
  const map = mapPath(application.router)
  const moveTo = (route: Route): Query<void> => moveQuery(move(application, route))
  const own = [backendPath(application.app), ...application.listen.map(frontendPath)]
  const note = `Your own frontend of haproxy needs this line: use_backend ${backendName(application.site)} if { req.hdr(host),host_only -i ${application.site} }`
  return {
    live: () => ({
      script: sh.read`cat ${map}`,
      read({ code, stdout, stderr }, { name: host }) {
        const route = routeIn(
          stdout.trimEnd(),
          kit.slots.map(({ name }) => name),
        )
        if (code === 0 && route) return route
        const why = code === 0 ? `${map} holds ${JSON.stringify(stdout.trimEnd())}` : stderr.trim()
        throw routerFaults.ROUTE_UNREADABLE({ host, why })
      },
    }),
    answer: asked.answer,
    fetch: asked.fetch,
    get site() {
      return asked.site
    },
    curl: asked.curl,
    verify: asked.verify,
    check(path) {
      const guard = guardOf(path, asked.place(), livePort(application))
      return checkQuery(check(application, guard), { test: testOf(application.config), path, map })
    },
    promote: (slot, generation) => moveTo({ slot: slot.name, generation }),
    restore: moveTo,
    conflicts() {
      const listeners = application.listen.flatMap(entry => listening(entry).listeners)
      return capture(readHost(application.config), (text, { name }) =>
        conflicts(name, text, { site: application.site, listeners, own }),
      )
    },
    provision: facts => ({
      tools: { '/usr/sbin/haproxy': 'haproxy', socat: 'socat', curl: 'curl' },
      files: files(application, facts),
      folders: [{ path: application.router, mode: 0o755 }],
      sudo: [testOf(application.config)],
      apply: [apply(application, facts.user)],
      ...(application.listen.length === 0 && { notes: [note] }),
    }),
  }
}

const moveQuery = (script: Script): Query<void> => ({
  script,
  read(output, host) {
    if (output.code === ENDED.refused)
      throw haproxyFaults.HAPROXY_SWITCH_FAILED({ host: host.name, said: output.stdout.trim() })
    if (output.code !== 0) throw commandFailed(host, script, output)
  },
})

interface Checked {
  /** What sudo has to allow. */
  readonly test: readonly string[]
  readonly path: string | undefined
  readonly map: string
}

/** Results in what is wrong with others' files: that keeps nothing from moving. */
const checkQuery = (script: Script, { test, path = '/', map }: Checked): Query<readonly Fault[]> => ({
  script,
  async read(output, asked) {
    const { code } = output
    const host = asked.name
    const said = output.stdout.trim()
    if (code === 0) return said === '' ? [] : [haproxyFaults.HAPROXY_OTHERS_INVALID({ host, said })]
    if (code === ENDED.down) throw haproxyFaults.HAPROXY_DOWN({ host })
    if (code === ENDED.missing) throw haproxyFaults.HAPROXY_NOT_SET_UP({ host, path: said })
    if (code === ENDED.stale) throw haproxyFaults.HAPROXY_STALE({ host, file: map, said })
    if (code === GUARDED) throw haproxyFaults.HAPROXY_GUARDED({ host, path, status: said.split('\n').at(-1) ?? '' })
    const refusal = await sudoRefusal(asked, [test])
    if (refusal) throw haproxyFaults.HAPROXY_SUDO_REFUSED({ host, refusal })
    if (code !== ENDED.invalid) throw commandFailed(asked, script, output)
    throw haproxyFaults.HAPROXY_CONFIG_INVALID({ host, said })
  },
})
