/** The scripts of the HAProxy router. */
import { type Guard, ROUTER_EXIT, type Route, readAsRoot, type Script, sh } from '../shared.ts'
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

/**
 * Prints HAProxy's configuration errors. Problems that prevent a switch have exit codes of their own. Other problems must exit with 0, because a non-zero
 * code skips the switch that follows in the pipeline. If the map file is missing or invalid, neither the route nor the configuration is checked, because
 * HAProxy would report the missing file; a repair writes it.
 */
export function check(application: Application, guard: Guard): Script {
  const { app, router, listen, config, slots } = application
  const map = mapPath(router)
  const own = [backendPath(app), ...listen.map(frontendPath)]
  const ours = slots.map(({ name }) => sh.read`"live ${name}."*) ;;`)
  return sh.read`
export LC_ALL=C
if ! systemctl is-active --quiet haproxy; then exit ${ROUTER_EXIT.down}; fi
for file in ${[DROP_IN, ...own]}; do if ! [ -e "$file" ]; then echo "$file"; exit ${ROUTER_EXIT.missing}; fi; done
if ! [ -S ${socketPath(app)} ]; then echo ${socketPath(app)}; exit ${ROUTER_EXIT.missing}; fi
${guard.begin}
file=$(cat ${map} 2>/dev/null || :)
case $file in 'live none') ;; ${sh.lines(...ours)} *) file= ;; esac
if [ -n "$file" ]; then
  answer=$(${runtimeCommand(application, `show map ${map}`)})
  if [ "$(awk '$2 == "live" { print $2, $3 }' <<< "$answer")" != "$file" ]; then
    printf 'the file contains %s, the process has %s\\n' "$file" "\${answer:-nothing}"
    exit ${ROUTER_EXIT.stale}
  fi
  code=0
  output=$(${readAsRoot(configTest(config))} 2>&1) || code=$?
  if [ $code != 0 ]; then
    printf '%s\\n' "$output"
    problem=$(grep -m 1 -F '[ALERT]' <<< "$output") || exit ${ROUTER_EXIT.invalid}
    for file in ${own}; do case $problem in *"[$file:"*) exit ${ROUTER_EXIT.invalid} ;; esac; done
  fi
fi
${guard.end}`
}

/** Creates a map as the deploying user, unless it exists: HAProxy does not start without it. */
const makeMap = (user: string, path: string, line: string): Script =>
  sh.write`[ -e ${path} ] || runuser -u ${user} -- bash -c ${sh.write`umask 022; printf '%s' ${line && `${line}\n`} > ${path}`.text}`

/** Run as root after the files of an application were deleted: tests the rest of the configuration, and reloads HAProxy if it runs. */
export const forget = ({ config }: Pick<Application, 'config'>): Script => sh.write`
if ! systemctl is-active --quiet haproxy; then exit 0; fi
${configTest(config)} >&2
systemctl reload haproxy`

/**
 * Run as root: makes the running HAProxy read the installed files. Restarts it once, if it was not started with our folder, and reloads it from then on;
 * always tests the whole configuration first. After a failed reload the old process continues and `systemctl` reports no error, so the script waits until
 * the socket reports a new pid. Also run after a setup was undone, when our files are missing.
 */
export function apply(application: Application, user: string): Script {
  const { app, router, config, listen, canary } = application
  const map = mapPath(router)
  const lenient = listen.filter(entry => /^\d+$/.test(entry)).map(frontendPath)
  return sh.write`
has_folder() { tr '\\0' '\\n' < "/proc/$(systemctl show --property MainPID --value haproxy)/cmdline" | grep -xF ${FOLDER} > /dev/null; }
worker() { ${runtimeCommand(application, 'show info')} | sed -n 's/^Pid: //p'; }
begin=$(date +%s)
reasons() { journalctl --quiet --unit haproxy --since "@$begin" --output cat | grep -F '[ALERT]' >&2 || :; }
systemctl daemon-reload
if ! systemctl is-active --quiet haproxy; then
  echo 'HAProxy is not running. Start it first: sudo systemctl start haproxy' >&2
  exit 1
fi
if ! [ -e ${DROP_IN} ]; then
  if has_folder; then systemctl restart haproxy; fi
  exit 0
fi
if [ -d ${router} ]; then
  ${makeMap(user, map, 'live none')}
  ${makeMap(user, maintenanceMap(router), 'state off')}
  ${makeMap(user, allowPath(router), '')}
  ${canary ? makeMap(user, canaryMap(router), 'canary none') : sh.read`:`}
fi
if ! [ -e /proc/net/if_inet6 ]; then for file in ${lenient}; do sed -i '/^ *bind \\[::]:/d' "$file"; done; fi
${configTest(config)} >&2
if ! has_folder; then
  for file in /etc/default/haproxy /etc/sysconfig/haproxy; do
    if line=$(grep -E '^[[:space:]]*CONFIG=' "$file" 2>/dev/null) && [[ $line != *${FOLDER}* ]]; then
      printf '%s\\n' "$file sets CONFIG itself. Add -f ${FOLDER} to it, and set its main file with config in the Taskfile." >&2
      exit 1
    fi
  done
  if ! systemctl restart haproxy; then
    reasons
    rm -f ${DROP_IN}
    systemctl daemon-reload
    systemctl reset-failed haproxy
    systemctl restart haproxy
    exit 1
  fi
  exit 0
fi
before=$(worker)
systemctl reload haproxy
if ! [ -e ${backendPath(app)} ]; then exit 0; fi
SECONDS=0
while [ $SECONDS -lt ${RELOAD_TIMEOUT} ]; do
  now=$(worker)
  if [ -n "$now" ] && [ "$now" != "$before" ]; then exit 0; fi
  sleep 0.1
done
echo 'HAProxy did not accept the new configuration and continues with the previous one:' >&2
reasons
exit 1`
}
