/** Changes of HAProxy's maps, in their files and in the running process. The route, a canary and a maintenance are all changed like this. */
import { program, ROUTER_EXIT, type Script, sh } from '../shared.ts'
import { type Application, socketPath } from './files.ts'

/** Seconds that a process which starts again, or takes over in a reload, may need in the middle of a change. */
const PATIENCE = 10

/** Sends its input to the admin socket and prints the response, including socat's stderr and, if HAProxy could not be reached, its exit code. */
export const toSocket = (app: string): Script =>
  sh.read`{ socat -t 5 -T 5 - ${`UNIX-CONNECT:${socketPath(app)}`} 2>&1 || echo "socat: exit $?"; }`

export interface MapChange {
  /** The text of each file, by its path, in the order in which they are changed. */
  readonly files: Readonly<Record<string, string>>
  /** The key of the only entry that HAProxy uses: it alone changes in the process. Without it, the whole maps are replaced there. */
  readonly entry?: string
  /** Ends the script if nothing can be changed, or nothing has to be. */
  readonly check?: Script
  /** Seconds. */
  readonly patience?: number
}

/** Exits with `ROUTER_EXIT.refused`, and prints the response, if the process does not accept the change; the files are then as before. */
export const changeMaps = (
  { app }: Pick<Application, 'app'>,
  { files, entry = '', check = sh.read`:`, patience = PATIENCE }: MapChange,
): Script =>
  program(new URL('./haproxy-maps.sh', import.meta.url), {
    writes: true,
    parameters: {
      check,
      maps: Object.keys(files),
      texts: Object.values(files),
      entry,
      tell: toSocket(app),
      patience,
      refused: ROUTER_EXIT.refused,
    },
  })
