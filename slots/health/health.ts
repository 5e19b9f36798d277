/**
 * Whether a slot is fit for traffic: its health path answers 200 several times in a row, the same process from the first
 * answer to the last, it says the version of the release, and all sockets on the slot's port are that process's own.
 *
 * The loop runs on the host, near what it waits for: a wait costs one round trip, not one a try.
 */

import { EXIT } from '../../host/exit-codes.ts'
import type { Host } from '../../host/host.ts'
import { program } from '../../host/program.ts'
import { commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import {
  anyText,
  atLeast,
  count,
  either,
  fields,
  oneOf,
  optional,
  path,
  record,
  text,
} from '../../runner/taskfile/shape.ts'
import type { Release, Router, Runtime, Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { portTaken } from '../lifecycle/connections.ts'
import { onPort, parseSockets, whose } from '../lifecycle/sockets.ts'
import type { Health, HealthCheck, HealthResult } from '../model.ts'
import { headerInput, headersOf } from './headers.ts'

export const healthRules = fields<HealthCheck>({
  path: optional(path),
  host: optional(text),
  headers: optional(record(anyText)),
  version: optional(either(text, oneOf(false), 'the name of a field such as "version", or false')),
  passes: optional(count(1)),
  every: optional(atLeast(0, 'milliseconds')),
  patience: optional(atLeast(1, 'milliseconds')),
  within: optional(atLeast(1, 'milliseconds')),
  soak: optional(atLeast(0, 'milliseconds')),
})

/** `site`: what the router says of the site, so that the application is asked as the router asks it. */
export const healthOf = ({ host, headers, ...check }: HealthCheck = {}, site?: Router['site']): Health => ({
  path: '/health',
  host: host ?? site?.host ?? '',
  headers: headersOf({ ...(site?.https && { 'X-Forwarded-Proto': 'https' }) }, headers),
  version: 'version',
  passes: 3,
  every: 50,
  patience: 2_000,
  within: 60_000,
  soak: 0,
  ...check,
})

/**
 * Asks until it has passed, the time is up, or the process is gone. `pid`: of the process, or a script that prints it, and prints nothing when
 * there is none. Its output is for `parseHealth`.
 */
export const healthLoop = (slot: Slot, pid: number | Script, health: Health): Script =>
  sh.lines(
    whose,
    program(new URL('./health.sh', import.meta.url), {
      parameters: {
        findProcess: typeof pid === 'number' ? sh.read`process=${pid}` : sh.read`process=$(${pid})`,
        ask: askOnce(slot, health, health.patience),
        wanted: health.passes,
        soak: health.soak,
        within: health.within,
        every: health.every / 1000,
        filter: onPort(slot.port),
      },
    }),
  )

/**
 * Asks a slot's application once, as the router would, past any proxy and .curlrc of the account. Prints the answer's body, and on a line of its
 * own the status and where a redirect leads.
 */
export function askOnce(slot: Slot, { path, host, headers }: Health, patience: number): Script {
  const words = ['-q', '-s', '--noproxy', '*', '--max-time', patience / 1000, '-w', '\\n%{http_code} %{redirect_url}']
  const url = `http://127.0.0.1:${slot.port}${path}`
  const said = { ...(host !== '' && { Host: host }), ...headers }
  if (Object.keys(said).length === 0) return sh.read`curl ${words} ${url}`
  return sh.read`${headerInput(said)} | curl ${words} --config - ${url}`
}

export function parseHealth(text: string): HealthResult {
  const [head = '', ...rest] = text.split('\n')
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

/** The version in an answer; `undefined` when it has none. */
export function versionIn(body: string, field: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body)[field]
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

interface Patient {
  readonly host: Host
  readonly runtime: Runtime
  readonly health: Health
}

type Expected = Pick<Release, 'name' | 'version'>

const UNFIT = EXIT.health.unfit

/**
 * Ends a script that `healthLoop` began: with 0 when the slot is fit as far as a shell can tell, so that what stands behind it in a pipeline
 * is not run for another. `assertHealthy` makes the final decision.
 */
const verdict = ({ version }: Expected, health: Health): Script => {
  const field = JSON.stringify(health.version)
  const said = [':', ': '].map(colon => `${field}${colon}${JSON.stringify(version)}`)
  const tells = sh.read`case "$body" in *${said[0] ?? ''}*|*${said[1] ?? ''}*) ;; *) exit ${UNFIT}; esac`
  return sh.lines(
    sh.read`if [ "$outcome" != passed ]; then exit ${UNFIT}; fi`,
    sh.read`case $'\\n'"$sockets" in $'\\n'|*$'\\n-'*) exit ${UNFIT}; esac`,
    ...(health.version === false ? [] : [tells]),
  )
}

/** The health check; a script that finds the slot unfit ends its pipeline, and its result says why. */
export function askHealth(
  { runtime, health }: Omit<Patient, 'host'>,
  slot: Slot,
  release: Expected,
  adopted?: number,
): Query<HealthResult> {
  const script = sh.lines(healthLoop(slot, adopted ?? runtime.pid(slot), health), verdict(release, health))
  return {
    script,
    read(output, host) {
      if (output.code !== 0 && output.code !== UNFIT) throw commandFailed(host, script, output)
      return parseHealth(output.stdout)
    },
  }
}

/**
 * Resolves to the pid when the slot is fit, else throws `SLOT_DOWN`, `SLOT_NOT_HEALTHY`, `SLOT_OTHER_VERSION` or `PORT_TAKEN`. `asked`: an answer
 * that is on its way already.
 */
export async function assertHealthy(
  patient: Patient,
  slot: Slot,
  release: Expected,
  adopted?: number,
  asked = patient.host.query(askHealth(patient, slot, release, adopted)),
): Promise<{ readonly pid: number; readonly result: HealthResult }> {
  const { host, runtime, health } = patient
  const tail = async () => (adopted === undefined ? host.query(runtime.log(slot, 15)) : '')
  const result = await asked
  const { outcome, pid, sockets } = result
  if (sockets.some(({ owner }) => owner === undefined)) throw portTaken(slot, sockets, '')
  if (outcome === 'down') {
    const { state } = await host.query(runtime.process(slot))
    throw slotFaults.SLOT_DOWN({ slot: slot.name, state, log: await tail() })
  }
  if (outcome !== 'passed') throw slotFaults.SLOT_NOT_HEALTHY({ slot, result, health, log: await tail() })
  if (sockets.length === 0)
    throw portTaken(slot, sockets, 'somebody who has no socket on this host: a rule of its firewall may lead there')
  const said = health.version === false ? release.version : versionIn(result.body, health.version)
  if (said !== release.version)
    throw slotFaults.SLOT_OTHER_VERSION({
      slot: slot.name,
      wanted: release.version,
      said: said ?? 'no version',
      body: result.body,
    })
  return { pid, result }
}
