/** Requests to the engine's API, on a manager, through its socket. The API has what the commands lack: a version with which a change is refused if somebody else was faster. */
import { type Asked, commandFailed, type Query } from '../host/query.ts'
import { type Output, type Script, sh } from '../host/script.ts'
import { swarmFaults } from './faults.ts'

/** A function for scripts: sends a request, prints the body without line breaks at its end, and then the status on a line of its own. */
export const engineApi: Script = sh.read`
engine=\${DOCKER_HOST:-unix:///var/run/docker.sock}
api() { curl -q -sS --max-time 30 --unix-socket "\${engine#unix://}" --write-out '\\n%{http_code}\\n' "\${@:2}" "http://engine$1"; }`

/** A response of the API. */
interface Reply {
  readonly status: number
  readonly body: string
}

/** Reads several things of the engine, in one script. */
export const askEngine = (paths: readonly string[]): Script =>
  sh.lines(engineApi, ...paths.map(path => sh.read`api ${path}`))

/** Sends a body, which it reads from standard input. */
export const postEngine = (path: string): Script =>
  sh.lines(
    engineApi,
    sh.write`api ${path} --request POST --header ${'Content-Type: application/json'} --data-binary @-`,
  )

/** `?filters=` of the API, for objects with a label. */
export const labelled = (label: string): string => `?filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`

/** The responses in the output of a script. @throws ENGINE_UNREACHABLE, SWARM_WITHOUT_QUORUM, NOT_A_MANAGER, COMMAND_FAILED */
export function replies(output: Output, host: Pick<Asked, 'name'>, script: Script): readonly Reply[] {
  if (output.code === CURL_CANNOT_CONNECT)
    throw swarmFaults.ENGINE_UNREACHABLE({ host: host.name, why: output.stderr.trim() })
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
    if (/DeadlineExceeded|does not have a leader|deadline exceeded/i.test(why))
      throw swarmFaults.SWARM_WITHOUT_QUORUM({ host: host.name, why })
  }
  return found
}

/** curl's exit code for a socket that is missing or that may not be opened. */
const CURL_CANNOT_CONNECT = 7

export function messageIn(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body
  } catch {
    return body
  }
}

/** A change of an object, whose response `read` gets. */
export function change<T>(path: string, body: object, read: (reply: Reply) => T): Query<T> {
  const script = postEngine(path)
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
