/**
 * A step that must not run twice, such as a migration: it runs detached on the host, with its output and its result in files,
 * so that a cut connection does not end it, and the next run can ask how it ended.
 */
import { posix } from 'node:path'
import type { Host } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'

/** How the newest detached step of a kind stands. */
export interface Detached {
  /** The deploy that began it. */
  readonly deploy: string
  /** `lost`: its process is gone and left no result, as after a reboot. */
  readonly state: 'running' | 'lost' | number
}

const LOST = 98

const at = (dir: string, deploy: string, kind: string) => posix.join(dir, `${deploy}-${kind}`)

/** Follows a step's output to its end and exits with its code; `LOST` when it left none. */
export const follow = (dir: string, deploy: string, kind: string): Script => sh.read`
base=${at(dir, deploy, kind)}
tail -n +1 -s 0.1 --pid="$(cat "$base.pid")" -f "$base.log" 2>/dev/null || :
[ -s "$base.exit" ] || exit ${LOST}
exit "$(cat "$base.exit")"`

/** Begins the step whose script comes by standard input, in a session of its own, and follows it. */
export const launch = (dir: string, deploy: string, kind: string): Script => sh.write`
umask 077
mkdir -p ${dir}
find ${dir} -mindepth 1 -mtime +30 -delete
base=${at(dir, deploy, kind)}
{ echo 'set -eu -o pipefail'; cat; } > "$base.sh"
: > "$base.log"
setsid -f bash --norc -c 'echo $$ > "$1.pid"; bash --norc "$1.sh" > "$1.log" 2>&1; echo $? > "$1.exit.part"; mv "$1.exit.part" "$1.exit"' bash "$base" < /dev/null > /dev/null 2>&1
until [ -s "$base.pid" ]; do sleep 0.05; done
${follow(dir, deploy, kind)}`

/** Prints the deploy and the state of the newest step of a kind; nothing when there never was one. */
export const newest = (dir: string, kind: string): Script => sh.read`
last=$({ ls -1 ${dir} 2>/dev/null || :; } | sed -n ${`s/-${kind}\\.pid$//p`} | sort | tail -n 1)
if [ -n "$last" ]; then
  base=${dir}/$last-${kind}
  if [ -s "$base.exit" ]; then state=$(cat "$base.exit")
  elif tr '\\0' ' ' < "/proc/$(cat "$base.pid")/cmdline" 2>/dev/null | grep -qF -- "$base"; then state=running
  else state=lost; fi
  printf '%s %s' "$last" "$state"
fi`

export function parseNewest(text: string): Detached | undefined {
  const [deploy, state] = text.trim().split(' ')
  if (!deploy || !state) return undefined
  return { deploy, state: state === 'running' || state === 'lost' ? state : Number(state) }
}

/** A host whose writing scripts run detached. For a plugin that does one thing with it. */
export const detachedHost = (host: Host, dir: string, deploy: string, kind: string): Host => ({
  name: host.name,
  $: host.$,
  read: host.read,
  run: (script, options) =>
    script.writes ? host.run(launch(dir, deploy, kind), { ...options, input: script.text }) : host.run(script, options),
  ask: (script, options) => host.ask(script, options),
  put: (...words) => host.put(...words),
  write: (...words) => host.write(...words),
  attach: command => host.attach(command),
  hold: (...words) => host.hold(...words),
  account: host.account,
  [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
})
