/** Detects a router that answers a path itself, for example with a password prompt, instead of passing it to the application. */
import { EXIT } from '../../host/exit-codes.ts'
import { type Script, sh } from '../../host/script.ts'
import { type Place, status, statusOf } from './site-request.ts'

/** Two scripts that print the HTTP status of a path: `through` the site, and of the live `slot` directly, which fails if no slot is live. */
export interface Guard {
  readonly path: string
  readonly through: Script
  readonly slot: Script
}

/** `livePort` prints the port of the live slot, and fails if no slot is live. */
export const guardOf = (path: string | undefined, place: Place, livePort: Script): Guard | undefined =>
  path === undefined ? undefined : { path, through: status(place, path), slot: statusOf(place, path, livePort) }

/** Exit code of a script whose guard detected that the router answers itself; the last line of output is the HTTP status. */
export const { guarded: GUARDED } = EXIT.router

/** Starts the request through the site in the background; `guardEnd` reads its result. */
export const guardBegin = (guard: Guard | undefined): Script =>
  guard ? sh.read`exec {through}< <(${guard.through})` : sh.read`:`

/** Exits with `GUARDED` if the site answers 401 or 403 and the slot itself does not. Contacts the slot only in that case. */
export const guardEnd = (guard: Guard | undefined): Script =>
  guard
    ? sh.read`
read -r status <&"$through" || :
case $status in 401|403)
  own=$(${guard.slot}) || own=000
  case $own in 401|403|000) ;; *) echo "$status"; exit ${GUARDED} ;; esac ;;
esac`
    : sh.read`:`
