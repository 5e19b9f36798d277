/** A canary behind HAProxy: an entry of a map, in the memory of the running process and in a file, as the route is. */
import {
  beginCanaryQuery,
  type Canary,
  type CanaryMethods,
  capture,
  NO_REQUESTS,
  numbersOf,
  parseCanary,
  type Query,
  ROUTER_EXIT,
  type Route,
  type Router,
  type Script,
  sh,
  type Tally,
} from '../shared.ts'
import { mapPath } from './canary-rules.ts'
import { haproxyFaults } from './faults.ts'
import { type Application, backendName, backendPath, mapPath as liveMap } from './files.ts'
import { changeMaps, type MapChange, toSocket } from './maps.ts'
import { mapValue } from './scripts.ts'

type Site = Pick<Application, 'app' | 'router'>

export const canaryByMap = (site: Application): CanaryMethods & Required<Pick<Router, 'served'>> => ({
  canary: () => capture(readCanary(site), parseMap),
  beginCanary: (canary, route) => setQuery(beginCanary(site, canary, route)),
  endCanary: () => setQuery(endCanary(site)),
  served: () =>
    capture(readServed(site), text =>
      parseServed(
        text,
        site.slots.map(({ name }) => name),
      ),
    ),
})

function setQuery(script: Script): Query<void> {
  const query = beginCanaryQuery(script)
  return {
    ...query,
    read(output, host) {
      if (output.code === ROUTER_EXIT.refused)
        throw haproxyFaults.HAPROXY_CANARY_REFUSED({ host: host.name, output: output.stdout.trim() })
      return query.read(output, host)
    },
  }
}

type Change = Pick<MapChange, 'check' | 'patience'>

const setCanary = (site: Site, lines: readonly string[], change: Change): Script =>
  changeMaps(site, { files: { [mapPath(site.router)]: lines.join('\n') }, entry: 'canary', ...change })

/** HAProxy does not use the record. */
export const beginCanary = (site: Site, canary: Canary, route: Route, change: Change = {}): Script => {
  const { slot, percent, sticky } = canary
  const { router } = site
  const backend = backendPath(site.app)
  const check = sh.read`
if ! ${knowsCanary(site)}; then echo ${backend}; exit ${ROUTER_EXIT.outdated}; fi
live=$(cat ${liveMap(router)} 2> /dev/null || :)
if [ "$live" != ${`live ${mapValue(route)}`} ]; then printf '%s\n' "\${live#live }"; exit ${ROUTER_EXIT.stale}; fi`
  const value = `${slot}.${numbersOf(percent)}.${sticky ? 'sticky' : 'fresh'}.${route.generation ?? ''}`
  return setCanary(site, [`canary ${value}`, `record ${JSON.stringify(canary)}`], { check, ...change })
}

/** There is nothing to end if HAProxy does not read the map. */
export const endCanary = (site: Site): Script =>
  setCanary(site, ['canary none'], { check: sh.read`if ! ${knowsCanary(site)}; then exit 0; fi` })

/** Succeeds if the map exists, and the backend that is installed reads it. */
const knowsCanary = ({ app, router }: Site): Script =>
  sh.read`{ [ -e ${mapPath(router)} ] && grep -qsF -e ${mapPath(router)} ${backendPath(app)}; }`

/** Ends the canary of a route that is restored: its generation is that of the route. */
export const endCanaryOf = (site: Site, { generation = '' }: Route): Script =>
  sh.read`case $(cat ${mapPath(site.router)} 2> /dev/null || :) in *.${generation}$'\\n'*) ( ${endCanary(site)} ) ;; esac`

/** Prints the line of the route, then the map. */
export const readCanary = ({ router }: Site): Script =>
  sh.read`if [ -e ${mapPath(router)} ]; then cat ${liveMap(router)} ${mapPath(router)}; fi`

/** Parses the output of `readCanary`: the canary of a route that is not live any more is none. */
export function parseMap(text: string): Canary | undefined {
  const value = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1]
  const generation = (dotted: string | undefined, fields: number) =>
    dotted?.split('.').slice(fields).join('.') || undefined
  const of = generation(value('canary'), 3)
  if (of === undefined || of !== generation(value('live'), 1)) return undefined
  return parseCanary(`on${value('record')}`)
}

/** Prints the statistics of the site's backend, below the names of the columns. */
export const readServed = ({ app, site }: Pick<Application, 'app' | 'site'>): Script =>
  sh.read`echo 'show stat' | ${toSocket(app)} | grep -e '^# ' -e ${`^${backendName(site)},`.replaceAll('.', '\\.')}`

const ANSWERED = ['hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_other']
/** Responses with 5xx; connections that failed; responses that were none. */
const FAILED = ['hrsp_5xx', 'econ', 'eresp']

/** Parses the output of `readServed`. */
export function parseServed(text: string, slots: readonly string[]): Readonly<Record<string, Tally>> {
  const [head = '', ...rows] = text.split('\n')
  const names = head.replace(/^# /, '').split(',')
  const tallies = rows.flatMap((row): [string, Tally][] => {
    const cells = row.split(',')
    const slot = cells[names.indexOf('svname')] ?? ''
    if (!slots.includes(slot)) return []
    const sum = (columns: readonly string[]) =>
      columns.reduce((total, column) => total + Number(cells[names.indexOf(column)] || 0), 0)
    const failed = sum(FAILED)
    return [[slot, { sent: sum(ANSWERED) + failed, failed }]]
  })
  return { ...Object.fromEntries(slots.map(slot => [slot, NO_REQUESTS])), ...Object.fromEntries(tallies) }
}
