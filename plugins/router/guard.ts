/** Detects a router that answers a path itself, for example with a password prompt, instead of passing it to the application. */
import { EXIT } from '../../host/exit-codes.ts'
import { type Script, sh } from '../../host/script.ts'
import { type Place, status, statusOf } from './site-request.ts'

/** Two scripts around the others of a check. */
export interface Guard {
  /** Starts the request through the site in the background. */
  readonly begin: Script
  /** Exits with `GUARDED`, after a line with the HTTP status, if the site answers 401 or 403 and the slot itself does not. Contacts the slot only then. */
  readonly end: Script
}

/** Exit code of a script whose guard detected that the router answers itself; the last line of output is the HTTP status. */
const { guarded: GUARDED } = EXIT.router

/** Without a path, the scripts do nothing. `livePort` prints the port of the live slot, and fails if no slot is live. */
export const guardOf = (path: string | undefined, place: Place, livePort: Script): Guard =>
  path === undefined
    ? { begin: sh.read`:`, end: sh.read`:` }
    : {
        begin: sh.read`exec {through}< <(${status(place, path)})`,
        end: sh.read`
read -r status <&"$through" || :
case $status in 401|403)
  own=$(${statusOf(place, path, livePort)}) || own=000
  case $own in 401|403|000) ;; *) echo "$status"; exit ${GUARDED} ;; esac ;;
esac`,
      }
