/** Whether a router answers a path in the application's place, as with a question for a password. */
import { EXIT } from '../../host/exit-codes.ts'
import { type Script, sh } from '../../host/script.ts'
import { type Place, status, statusOf } from './site-request.ts'

/** Prints the HTTP status of a path, asked through the site, and of the live slot itself; fails when no slot is live. */
export interface Guard {
  readonly path: string
  readonly through: Script
  readonly slot: Script
}

/** `livePort` prints the port of the live slot, and fails when none is. */
export const guardOf = (path: string | undefined, place: Place, livePort: Script): Guard | undefined =>
  path === undefined ? undefined : { path, through: status(place, path), slot: statusOf(place, path, livePort) }

/** Exit code of a script whose guard found that the router answers; its last line of output is the status. */
export const { guarded: GUARDED } = EXIT.router

/** Begins to ask through the site, so that it costs no time; its end is `guardEnd`. */
export const guardBegin = (guard: Guard | undefined): Script =>
  guard ? sh.read`exec {through}< <(${guard.through})` : sh.read`:`

/** The slot itself is asked only when the request through the site was refused. */
export const guardEnd = (guard: Guard | undefined): Script =>
  guard
    ? sh.read`
read -r status <&"$through" || :
case $status in 401|403)
  own=$(${guard.slot}) || own=000
  case $own in 401|403|000) ;; *) echo "$status"; exit ${GUARDED} ;; esac ;;
esac`
    : sh.read`:`
