/**
 * The maintenance of a site behind HAProxy: two maps in the memory of the running process, and in files. HAProxy reads the page only when it starts or is
 * reloaded, so `setup` installs it.
 */

import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import {
  beginMaintenanceQuery,
  capture,
  escapeHtml,
  type HostFile,
  type PluginContext,
  pageText,
  parseSiteMaintenance,
  type Query,
  ROUTER_EXIT,
  type Router,
  routerFaults,
  type Script,
  type SiteMaintenance,
  sh,
  withMessage,
} from '../shared.ts'
import { haproxyFaults } from './faults.ts'
import { type Application, backendPath, pagePath } from './files.ts'
import { allowPath, look, mapPath } from './maintenance-rules.ts'
import { changeMaps, type MapChange } from './maps.ts'

type Site = Pick<Application, 'app' | 'router'>

/** Bytes: the response and its headers have to fit HAProxy's default buffer, 16 kB. */
const LARGEST = 12_000

/**
 * The page as a log-format of HAProxy, which fills in the message.
 *
 * @param own the user's own page, relative to `folder`
 * @throws MAINTENANCE_PAGE_UNREADABLE, MAINTENANCE_PAGE_TOO_LARGE
 */
export function pageFile({ app, router }: Site, folder: string, own: string | undefined): HostFile {
  const page = pageText(folder, own).replaceAll('%', '%%')
  const text = withMessage(page, `%[${look(router, 'message')}]`)
  const size = Buffer.byteLength(text)
  if (own !== undefined && size > LARGEST)
    throw routerFaults.MAINTENANCE_PAGE_TOO_LARGE({ path: resolve(folder, own), size, most: LARGEST })
  return { path: pagePath(app), text, mode: 0o644 }
}

type Methods = Required<Pick<Router, 'maintenance' | 'beginMaintenance' | 'endMaintenance'>>

export function maintenanceByMaps(
  { folder }: Pick<PluginContext, 'folder'>,
  site: Site,
  own: string | undefined,
): Methods {
  const map = mapPath(site.router)
  return {
    maintenance: () => capture(sh.read`if [ -e ${map} ]; then cat ${map}; fi`, parseMaintenance),
    beginMaintenance: maintenance =>
      setQuery(
        setMaintenance(site, {
          check: requireInstalled(site, pageFile(site, folder, own)),
          state: stateOf(maintenance),
          networks: networksOf(maintenance),
        }),
      ),
    endMaintenance: () => setQuery(setMaintenance(site, { check: endUnlessKnown(site), state: ['state off'] })),
  }
}

function setQuery(script: Script): Query<void> {
  const query = beginMaintenanceQuery(script)
  return {
    ...query,
    read(output, host) {
      if (output.code === ROUTER_EXIT.refused)
        throw haproxyFaults.HAPROXY_MAINTENANCE_REFUSED({ host: host.name, output: output.stdout.trim() })
      return query.read(output, host)
    },
  }
}

interface Setting extends Pick<MapChange, 'check' | 'patience'> {
  /** The lines of the map with the state. */
  readonly state: readonly string[]
  /**
   * The lines of the map with the networks. It comes first, and counts only while the other one says that there is a maintenance.
   *
   * @default none
   */
  readonly networks?: readonly string[]
}

export const setMaintenance = (site: Site, { state, networks = [], ...more }: Setting): Script => {
  const { router } = site
  const files = { [allowPath(router)]: networks.join('\n'), [mapPath(router)]: state.join('\n') }
  return changeMaps(site, { files, ...more })
}

/** Succeeds if the backend that is installed reads the maps. */
const knowsMaintenance = ({ app, router }: Site): Script => sh.read`grep -qsF -e ${mapPath(router)} ${backendPath(app)}`

/** There is nothing to end if HAProxy does not read the maps: as an earlier version installed the site, or before the first setup. */
const endUnlessKnown = ({ app, router }: Site): Script =>
  sh.read`if ! [ -e ${mapPath(router)} ] || ! ${knowsMaintenance({ app, router })}; then exit 0; fi`

/** Exits with `outdated`, and prints a path, if the backend does not know of a maintenance, or has another page than the Taskfile. */
export const requireInstalled = ({ app, router }: Site, page: HostFile): Script => sh.read`
if ! ${knowsMaintenance({ app, router })}; then echo ${backendPath(app)}; exit ${ROUTER_EXIT.outdated}; fi
case $(sha256sum ${page.path} 2> /dev/null || :) in
  ${createHash('sha256').update(page.text).digest('hex')}' '*) ;;
  *) echo ${page.path}; exit ${ROUTER_EXIT.outdated} ;;
esac`

/** One key a line. HAProxy does not use the record. */
const stateOf = (maintenance: SiteMaintenance): readonly string[] => [
  'state on',
  `retry ${maintenance.retryAfter}`,
  `message ${escapeHtml(maintenance.message)}`,
  `record ${JSON.stringify(maintenance)}`,
]

const networksOf = ({ allow }: SiteMaintenance): readonly string[] => allow.map(network => `${network} pass`)

/** Parses the text of the map. */
export function parseMaintenance(text: string): SiteMaintenance | undefined {
  const lines = text.split('\n')
  if (!lines.includes('state on')) return undefined
  return parseSiteMaintenance(lines.find(line => line.startsWith('record '))?.slice('record '.length) ?? '')
}
