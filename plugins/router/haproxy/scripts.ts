/** The scripts of the HAProxy router. */
import { type Guard, program, ROUTER_EXIT, type Route, readAsRoot, type Script, sh } from '../shared.ts'
import { mapPath as canaryMap } from './canary-rules.ts'
import {
  type Application,
  backendPath,
  configTest,
  DROP_IN,
  FOLDER,
  frontendPath,
  mapPath,
  socketPath,
} from './files.ts'
import { allowPath, mapPath as maintenanceMap } from './maintenance-rules.ts'
import { changeMaps, type MapChange, toSocket } from './maps.ts'

/** Seconds to wait for a response from the new process after a reload. */
const RELOAD_TIMEOUT = 15

/**
 * The map value of a route.
 *
 * @throws RangeError for a generation with characters other than letters, digits, dots, dashes and underscores
 */
export function mapValue({ slot, generation = '' }: Route): string {
  if (slot === undefined) return 'none'
  if (!/^[A-Za-z0-9_.-]+$/.test(generation))
    throw new RangeError(`${JSON.stringify(generation)} is not a valid generation`)
  return `${slot}.${generation}`
}

/** Parses the text of the map file; undefined if it is not one of ours. */
export function parseRoute(text: string, slots: readonly string[]): Route | undefined {
  if (text === 'live none') return { slot: undefined, generation: undefined }
  const [, slot = '', generation] = /^live ([a-z][a-z0-9_]*)\.([A-Za-z0-9_.-]+)$/.exec(text) ?? []
  return slots.includes(slot) ? { slot, generation } : undefined
}

/** Sends one command to the admin socket. Not through a pipe: a socat that finds no socket would end its writer by SIGPIPE, and with it the script. */
const runtimeCommand = ({ app }: Application, command: string | Script): Script =>
  sh.read`${toSocket(app)} <<< ${command}`

/** Prints the port of the live slot; fails if no slot is live. */
export const livePort = ({ router, slots }: Application): Script =>
  sh.read`case $(cat ${mapPath(router)}) in ${sh.lines(...slots.map(({ name, port }) => sh.read`"live ${name}."*) echo ${port} ;;`))} *) false ;; esac`

/** Makes a route live. */
export const switchScript = (
  application: Pick<Application, 'app' | 'router'>,
  route: Route,
  more: Pick<MapChange, 'patience'> = {},
): Script =>
  changeMaps(application, {
    files: { [mapPath(application.router)]: `live ${mapValue(route)}` },
    entry: 'live',
    ...more,
  })

/** Checks whether a switch is possible; haproxy-check.sh says how it ends. */
export function check(application: Application, guard: Guard): Script {
  const { app, router, listen, config, slots } = application
  const map = mapPath(router)
  return program(new URL('./haproxy-check.sh', import.meta.url), {
    parameters: {
      ...ROUTER_EXIT,
      dropIn: DROP_IN,
      ownFiles: [backendPath(app), ...listen.map(frontendPath)],
      socket: socketPath(app),
      map,
      slots: slots.map(({ name }) => name),
      showMap: runtimeCommand(application, `show map ${map}`),
      configTest: readAsRoot(configTest(config)),
      beginGuard: guard.begin,
      endGuard: guard.end,
    },
  })
}

/** Creates a map as the deploying user, unless it exists: HAProxy does not start without it. */
const makeMap = (user: string, path: string, line: string): Script =>
  sh.write`[ -e ${path} ] || runuser -u ${user} -- bash -c ${sh.write`umask 022; printf '%s' ${line && `${line}\n`} > ${path}`.text}`

/** Run as root after the files of an application were deleted: tests the rest of the configuration, and reloads HAProxy if it runs. */
export const forget = ({ config }: Pick<Application, 'config'>): Script => sh.write`
if ! systemctl is-active --quiet haproxy; then exit 0; fi
${configTest(config)} >&2
systemctl reload haproxy`

/** Run as root: makes the running HAProxy read the installed files, as haproxy-apply.sh says. */
export function apply(application: Application, user: string): Script {
  const { app, router, config, listen, canary } = application
  return program(new URL('./haproxy-apply.sh', import.meta.url), {
    writes: true,
    parameters: {
      folder: FOLDER,
      dropIn: DROP_IN,
      backend: backendPath(app),
      lenient: listen.filter(entry => /^\d+$/.test(entry)).map(frontendPath),
      router,
      makeMaps: sh.lines(
        makeMap(user, mapPath(router), 'live none'),
        makeMap(user, maintenanceMap(router), 'state off'),
        makeMap(user, allowPath(router), ''),
        ...(canary ? [makeMap(user, canaryMap(router), 'canary none')] : []),
      ),
      configTest: configTest(config),
      showInfo: runtimeCommand(application, 'show info'),
      patience: RELOAD_TIMEOUT,
    },
  })
}
