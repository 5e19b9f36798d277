/**
 * The health check of a slot. It passes if the health path answers 200 several times in a row, from one and the same process, with the version of the
 * release, and if all sockets on the slot's port belong to that process.
 *
 * The loop runs on the host, so that a wait costs one round trip and not one per try.
 */

import { clock } from '../../host/clock.ts'
import { EXIT } from '../../host/exit-codes.ts'
import type { Host } from '../../host/host.ts'
import { program } from '../../host/program.ts'
import { commandFailed, mapped, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotAt } from '../address.ts'
import type { Release, Runtime, Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { portTaken } from '../lifecycle/connections.ts'
import { onPort, parseSockets, whose } from '../lifecycle/sockets.ts'
import type { Health, HealthResult } from '../model.ts'
import { settled } from '../place.ts'
import { headerInput } from './headers.ts'
import { describeTry, parseTry } from './tries.ts'

type Listening = { readonly server?: string | undefined } & Pick<Layout, 'user'>

/**
 * Requests the health path until the check has passed, timed out, or the process is gone. `pid`: the slot's process, or a script that prints its pid, or
 * nothing if there is none. `server`: as in `Runtime`; its sockets count as those of the process. `user`: as in `Layout`. `parseHealth` parses the output.
 */
export const healthLoop = (
  slot: Slot,
  pid: number | Script,
  health: Health,
  { server, user }: Listening = {},
): Script =>
  sh.lines(
    whose(user),
    clock,
    program(new URL('./health.sh', import.meta.url), {
      parameters: {
        findProcess: typeof pid === 'number' ? sh.read`process=${pid}` : sh.read`process=$(${pid})`,
        ask: healthRequest(slot, health, health.patience),
        wanted: health.passes,
        soak: health.soak,
        within: health.within,
        every: health.every / 1000,
        filter: onPort(slot.port),
        findServer:
          server === undefined ? sh.read`:` : sh.read`systemctl show --property=MainPID --value ${server} | sed /^0$/d`,
      },
    }),
  )

/**
 * Sends one request to a slot's application, as the router would, ignoring proxy settings and .curlrc. Prints the response's body, and on a line of its
 * own the status and the target of a redirect.
 *
 * @param patience timeout in milliseconds
 */
export function healthRequest(slot: Slot, { path, host, headers }: Health, patience: number): Script {
  const options = ['-q', '-s', '--noproxy', '*', '--max-time', patience / 1000, '-w', '\\n%{http_code} %{redirect_url}']
  const url = `http://${slotAt(slot)}${path}`
  const sent = { ...(host !== '' && { Host: host }), ...headers }
  if (Object.keys(sent).length === 0) return sh.read`curl ${options} ${url}`
  return sh.read`${headerInput(sent)} | curl ${options} --config - ${url}`
}

export function parseHealth(text: string): HealthResult {
  const lines = text.split('\n')
  const [head = '', ...rest] = lines.slice(lines.findIndex(line => parseTry(line) === undefined))
  const [outcome, tries, failed, status, pid, code, redirect = ''] = head.split(' ')
  const blank = rest.indexOf('')
  return {
    outcome: outcome as HealthResult['outcome'],
    pid: Number(pid),
    tries: Number(tries),
    failed: Number(failed),
    status: Number(status),
    curl: Number(code),
    redirect,
    sockets: parseSockets(rest.slice(0, blank)),
    body: rest.slice(blank + 1).join('\n'),
  }
}

/** The version in a JSON body; `undefined` if there is none. */
export function versionIn(body: string, field: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body)[field]
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

interface HealthDeps {
  readonly host: Host
  readonly layout: Layout
  readonly runtime: Runtime
  readonly health: Health
}

type Expected = Pick<Release, 'name' | 'version'>

const UNFIT = EXIT.health.unfit

/**
 * Appended to `healthLoop`: exits with `UNFIT` if the shell can already tell that the check failed, so that later scripts of the pipeline are skipped.
 * `assertHealthy` makes the final decision.
 */
const verdict = ({ version }: Expected, health: Health): Script => {
  const field = JSON.stringify(health.version)
  const patterns = [':', ': '].map(colon => `${field}${colon}${JSON.stringify(version)}`)
  const hasVersion = sh.read`case "$body" in *${patterns[0] ?? ''}*|*${patterns[1] ?? ''}*) ;; *) exit ${UNFIT}; esac`
  return sh.lines(
    sh.read`if [ "$outcome" != passed ]; then exit ${UNFIT}; fi`,
    sh.read`case $'\\n'"$sockets" in $'\\n'|*$'\\n-'*) exit ${UNFIT}; esac`,
    ...(health.version === false ? [] : [hasVersion]),
  )
}

/** For a slot without a process that serves requests: whether its processes are fit to run. */
const fitQuery = ({ complete }: Runtime, slot: Slot): Query<HealthResult> => {
  const fit: HealthResult = { ...FIT, sockets: [] }
  return complete ? mapped(complete(slot), () => fit) : settled(fit)
}

const FIT = { outcome: 'passed', pid: 0, tries: 0, failed: 0, status: 0, curl: 0, redirect: '', body: '' } as const

/**
 * The health check as a query. If the slot is unfit, later scripts of the pipeline are skipped; the result says why.
 *
 * @param log called with what the check has seen so far, while it runs
 */
export function healthQuery(
  { layout, runtime, health }: Omit<HealthDeps, 'host'>,
  slot: Slot,
  release: Expected,
  adopted?: number,
  log?: (line: string) => void,
): Query<HealthResult> {
  if (runtime.serves === false) return fitQuery(runtime, slot)
  const script = sh.lines(
    healthLoop(slot, adopted ?? runtime.pid(slot), health, { server: runtime.server, user: layout.user }),
    verdict(release, health),
  )
  return {
    script,
    onLine(line) {
      const seen = log && parseTry(line)
      if (seen) log(describeTry(slot, health, seen))
    },
    read(output, host) {
      if (output.code !== 0 && output.code !== UNFIT) throw commandFailed(host, script, output)
      return parseHealth(output.stdout)
    },
  }
}

/**
 * Resolves to the pid if the health check passes. Throws `SLOT_DOWN`, `SLOT_NOT_HEALTHY`, `SLOT_OTHER_VERSION` or `PORT_TAKEN` otherwise. `pending`: a
 * check that is already running.
 */
export async function assertHealthy(
  deps: HealthDeps,
  slot: Slot,
  release: Expected,
  adopted?: number,
  pending = deps.host.query(healthQuery(deps, slot, release, adopted)),
): Promise<{ readonly pid: number; readonly result: HealthResult }> {
  const { host, runtime, health } = deps
  const tail = async () => (adopted === undefined ? host.query(runtime.log(slot, 15)) : '')
  const result = await pending
  if (runtime.serves === false) return { pid: result.pid, result }
  const { outcome, pid, sockets } = result
  // A server of all slots listens on the port of one that is down too.
  const server = outcome === 'down' ? runtime.server : undefined
  const foreign = sockets.some(({ owner, unit }) => owner === undefined && (server === undefined || unit !== server))
  if (foreign) throw portTaken(slot, sockets, '')
  if (outcome === 'down') {
    const { state } = await host.query(runtime.process(slot))
    throw slotFaults.SLOT_DOWN({ slot: slot.name, state, log: await tail() })
  }
  if (outcome !== 'passed') throw slotFaults.SLOT_NOT_HEALTHY({ slot, result, health, log: await tail() })
  if (sockets.length === 0)
    throw portTaken(slot, sockets, 'a process without a socket on this host (a firewall rule may redirect the port)')
  const version = health.version === false ? release.version : versionIn(result.body, health.version)
  if (version !== release.version)
    throw slotFaults.SLOT_OTHER_VERSION({
      slot: slot.name,
      expected: release.version,
      reported: version ?? 'no version',
      body: result.body,
    })
  return { pid, result }
}
