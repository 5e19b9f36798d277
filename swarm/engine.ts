/** Requests to the engine's API, on a manager, through its socket. The API has what the commands lack: a version with which a change is refused if somebody else was faster. */
import { program } from '../host/program.ts'
import { type Asked, commandFailed, type Query } from '../host/query.ts'
import { type Output, type Script, sh } from '../host/script.ts'
import { swarmFaults } from './faults.ts'

/** Seconds that a script waits for the managers to have a leader. They elect one in 5 to 20 s, if a majority of them is up. */
export const ELECTION = 45

/** Functions for scripts: `api` sends a request, and `patient` runs a command of the client. Both wait for the end of an election. */
export const engineApi: Script = program(new URL('./engine-api.sh', import.meta.url), {
  parameters: { election: ELECTION },
})

/** A response of the API. */
interface Reply {
  readonly status: number
  readonly body: string
}

/** Reads several things of the engine, in one script, which ends with the first that has no leader to answer it. */
export const askEngine = (paths: readonly string[]): Script =>
  sh.lines(
    engineApi,
    ...paths.map(path => sh.read`said=$(api ${path}); printf '%s\\n' "$said"; if leaderless "$said"; then exit 0; fi`),
  )

/** A change of an object that tells, if its answer was lost, whether the engine has made it. */
export interface Marked {
  /** Where the object is read. */
  readonly path: string
  /** Text that the object has only since this change. */
  readonly mark: string
}

/** Sends a body, which it reads from standard input. */
export const postEngine = (path: string, marked?: Marked): Script =>
  sh.lines(
    engineApi,
    sh.write`body=$(cat)
said=$(api ${path} --request POST --header ${'Content-Type: application/json'} --data-binary @-)`,
    ...(marked
      ? [
          sh.read`case \${said##*$'\\n'} in
2??) ;;
*) if [[ $(api ${marked.path}) == *${marked.mark}* ]]; then said=$'\\n200'; fi ;;
esac`,
        ]
      : []),
    sh.read`printf '%s\\n' "$said"`,
  )

/** `?filters=` of the API, for objects with a label. */
export const labelled = (label: string): string => `?filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`

/** The responses in the output of a script. @throws ENGINE_UNREACHABLE, SWARM_WITHOUT_QUORUM, NOT_A_MANAGER, COMMAND_FAILED */
export function replies(output: Output, host: Pick<Asked, 'name'>, script: Script): readonly Reply[] {
  if (output.code === CURL_CANNOT_CONNECT)
    throw swarmFaults.ENGINE_UNREACHABLE({ host: host.name, why: output.stderr.trim() })
  if (output.code === CURL_TIMED_OUT)
    throw swarmFaults.SWARM_WITHOUT_QUORUM({ host: host.name, why: 'the engine does not answer in time' })
  if (output.code !== 0) throw commandFailed(host, { ...script, label: 'a request to the Docker engine' }, output)
  const lines = output.stdout.split('\n')
  const found: Reply[] = []
  let body: string[] = []
  for (const line of lines) {
    if (!/^\d{3}$/.test(line)) body.push(line)
    else {
      found.push({ status: Number(line), body: body.join('\n').trim() })
      body = []
    }
  }
  for (const { status, body } of found) {
    if (status < 400) continue
    const why = messageIn(body)
    if (/not a swarm manager|not part of a swarm/.test(why)) throw swarmFaults.NOT_A_MANAGER({ host: host.name })
    if (LEADERLESS.test(why)) throw swarmFaults.SWARM_WITHOUT_QUORUM({ host: host.name, why })
  }
  return found
}

/** What an engine says whose managers have no leader; as in `engine-api.sh`. */
export const LEADERLESS =
  /does not have a leader|DeadlineExceeded|deadline exceeded|code = Unavailable|lost quorum|no elected primary/i

/** curl's exit code for a socket that is missing or that may not be opened. */
const CURL_CANNOT_CONNECT = 7
/** Of a request that was not answered, also when it was sent again: the engine waits for its managers. */
const CURL_TIMED_OUT = 28

export function messageIn(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body
  } catch {
    return body
  }
}

/** A change of an object, whose response `read` gets. */
export function change<T>(path: string, body: object, read: (reply: Reply) => T, marked?: Marked): Query<T> {
  const script = postEngine(path, marked)
  return {
    script: { ...script, printed: `POST ${path} to the Docker engine` },
    input: JSON.stringify(body),
    read(output, host) {
      const [reply] = replies(output, host, script)
      // A dry run has sent nothing.
      return read(reply ?? { status: 200, body: '' })
    },
  }
}
