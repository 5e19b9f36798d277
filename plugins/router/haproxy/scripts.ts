/** The scripts of the router on HAProxy. */
import { EXIT } from '../../../host/exit-codes.ts'
import { type Script, sh } from '../../../host/script.ts'
import { readAsRoot } from '../../../host/sudo.ts'
import type { Route } from '../../../slots/contracts.ts'
import { type Guard, guardBegin, guardEnd } from '../guard.ts'
import { type Application, backendPath, DROP_IN, FOLDER, frontendPath, mapPath, socketPath, testOf } from './files.ts'

export const { router: ENDED } = EXIT

/** Seconds that a new process may take until it answers. */
const PATIENCE = 15

/** What the map says of a route. The generation takes letters, digits, dots, dashes and underscores. */
export function mapValue({ slot, generation = '' }: Route): string {
  if (slot === undefined) return 'none'
  if (!/^[A-Za-z0-9_.-]+$/.test(generation)) throw new RangeError(`${JSON.stringify(generation)} is no generation`)
  return `${slot}.${generation}`
}

/** Reads the map's text back; undefined when it is none of ours. */
export function routeIn(text: string, slots: readonly string[]): Route | undefined {
  if (text === 'live none') return { slot: undefined, generation: undefined }
  const [, slot = '', generation] = /^live ([a-z][a-z0-9_]*)\.([A-Za-z0-9_.-]+)$/.exec(text) ?? []
  return slots.includes(slot) ? { slot, generation } : undefined
}

/** Prints what haproxy answers to one command. Standard error is part of it, and so is the exit code of one that did not reach it. */
const told = ({ app }: Application, command: string | Script): Script =>
  sh.read`{ printf '%s\\n' ${command} | socat -t 5 -T 5 - ${`UNIX-CONNECT:${socketPath(app)}`} 2>&1 || echo "socat: exit $?"; }`

/** Prints the port of the live slot; fails when none is. */
export const livePort = ({ router, slots }: Application): Script =>
  sh.read`case $(cat ${mapPath(router)}) in ${sh.lines(...slots.map(({ name, port }) => sh.read`"live ${name}."*) echo ${port} ;;`))} *) false ;; esac`

/**
 * The file comes first: a process that starts between the two steps reads the new route. haproxy answers a command that it has carried out with one
 * empty line, and all that it does not understand with words; its exit code is 0 for both. Then the file is put back.
 */
export function move(application: Application, route: Route): Script {
  const { router } = application
  const map = mapPath(router)
  const value = mapValue(route)
  return sh.write`
put() { printf '%s\\n' "$1" > ${`${map}.next`}; sync ${`${map}.next`}; mv -T ${`${map}.next`} ${map}; }
if [ -e ${map} ] && ! [ -f ${map} ]; then mv -T ${map} ${map}".lost-$(date +%s%N)"; fi
before=$(cat ${map} 2>/dev/null || :)
put ${`live ${value}`}
answer=$(${told(application, `set map ${map} live ${value}`)}; echo end)
if [ "$answer" != $'\\nend' ]; then
  put "$before"
  printf '%s\\n' "\${answer%end}"
  exit ${ENDED.refused}
fi`
}

/**
 * Prints what haproxy says against its configuration. Exit codes of its own tell what keeps the traffic from moving: what does not must end with 0, or
 * the switch behind it in the batch is skipped. Where the file of the route is lost, a repair writes it: until then it is not compared, and haproxy
 * would complain of it.
 */
export function check(application: Application, guard: Guard | undefined): Script {
  const { app, router, listen, config, slots } = application
  const map = mapPath(router)
  const own = [backendPath(app), ...listen.map(frontendPath)]
  const ours = slots.map(({ name }) => sh.read`"live ${name}."*) ;;`)
  return sh.read`
export LC_ALL=C
if ! systemctl is-active --quiet haproxy; then exit ${ENDED.down}; fi
for file in ${[DROP_IN, ...own]}; do if ! [ -e "$file" ]; then echo "$file"; exit ${ENDED.missing}; fi; done
if ! [ -S ${socketPath(app)} ]; then echo ${socketPath(app)}; exit ${ENDED.missing}; fi
${guardBegin(guard)}
file=$(cat ${map} 2>/dev/null || :)
case $file in 'live none') ;; ${sh.lines(...ours)} *) file= ;; esac
if [ -n "$file" ]; then
  answer=$(${told(application, `show map ${map}`)})
  if [ "$(awk '$2 == "live" { print $2, $3 }' <<< "$answer")" != "$file" ]; then
    printf 'the file says %s, the process says %s\\n' "$file" "\${answer:-nothing}"
    exit ${ENDED.stale}
  fi
  code=0
  said=$(${readAsRoot(testOf(config))} 2>&1) || code=$?
  if [ $code != 0 ]; then
    printf '%s\\n' "$said"
    problem=$(grep -m 1 -F '[ALERT]' <<< "$said") || exit ${ENDED.invalid}
    for file in ${own}; do case $problem in *"[$file:"*) exit ${ENDED.invalid} ;; esac; done
  fi
fi
${guardEnd(guard)}`
}

/**
 * For root: has the running haproxy read what stands there. It is restarted once, when it was not started with our folder, and reloaded from then on; never
 * without a test of the whole configuration. A reload that fails leaves the process before it at work, and `systemctl` says nothing of it: so
 * the new process is asked for its pid. Where a setup was taken back, it is the way back too.
 */
export function apply(application: Application, user: string): Script {
  const { app, router, config, listen } = application
  const map = mapPath(router)
  const lenient = listen.filter(entry => /^\d+$/.test(entry)).map(frontendPath)
  return sh.write`
carries() { tr '\\0' '\\n' < "/proc/$(systemctl show --property MainPID --value haproxy)/cmdline" | grep -xF ${FOLDER} > /dev/null; }
worker() { ${told(application, 'show info')} | sed -n 's/^Pid: //p'; }
begin=$(date +%s)
reasons() { journalctl --quiet --unit haproxy --since "@$begin" --output cat | grep -F '[ALERT]' >&2 || :; }
systemctl daemon-reload
if ! systemctl is-active --quiet haproxy; then
  echo 'haproxy does not run: start it first, with sudo systemctl start haproxy' >&2
  exit 1
fi
if ! [ -e ${DROP_IN} ]; then
  if carries; then systemctl restart haproxy; fi
  exit 0
fi
if [ -d ${router} ] && ! [ -e ${map} ]; then runuser -u ${user} -- bash -c ${sh.write`umask 022; echo 'live none' > ${map}`.text}; fi
if ! [ -e /proc/net/if_inet6 ]; then for file in ${lenient}; do sed -i '/^ *bind \\[::]:/d' "$file"; done; fi
${testOf(config)} >&2
if ! carries; then
  for file in /etc/default/haproxy /etc/sysconfig/haproxy; do
    if line=$(grep -E '^[[:space:]]*CONFIG=' "$file" 2>/dev/null) && [[ $line != *${FOLDER}* ]]; then
      printf '%s\\n' "$file sets CONFIG itself: add -f ${FOLDER} to it, and name its main file with config in the Taskfile" >&2
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
while [ $SECONDS -lt ${PATIENCE} ]; do
  now=$(worker)
  if [ -n "$now" ] && [ "$now" != "$before" ]; then exit 0; fi
  sleep 0.1
done
echo 'haproxy did not take the new configuration, and goes on with the one before:' >&2
reasons
exit 1`
}
