/**
 * All checks that run before anything is written. They run together and report together, so that all problems can be fixed at once. `task doctor` runs
 * the same checks at any time.
 */

import type { Host } from '../../host/host.ts'
import { type Caught, capture, caught, group } from '../../host/query.ts'
import { Fault } from '../../runner/fault.ts'
import type { Provision, Release } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Check } from '../model.ts'
import { type Facts, facts } from '../setup/facts.ts'
import { plan } from '../setup/plan.ts'
import { readings, resolveLive } from '../state/readings.ts'
import type { DiskUsage } from '../upload/contents.ts'
import { balancerChecks, readBalancer } from './balancer.ts'
import { changedFiles, parseChanged } from './changed.ts'
import { evaluateChecks } from './checks.ts'
import { type HostInspection, inspect, parseInspection } from './inspect.ts'

/** The release to upload, and the disk space that it needs; undefined if the artifact cannot be read on this machine. */
export interface Load {
  readonly release: Release
  readonly space: Promise<DiskUsage | undefined>
}

type PreflightDeps<S extends string> = Pick<
  Deps<S>,
  | 'app'
  | 'host'
  | 'balancer'
  | 'layout'
  | 'slots'
  | 'router'
  | 'runtime'
  | 'health'
  | 'deploy'
  | 'provisions'
  | 'environment'
>

/**
 * Resolves to the results of all checks. Throws only if they cannot run: `NOT_SET_UP`, `NOT_OURS`, `TOOLS_MISSING`.
 *
 * The checks run optimistically: in the first round trip they assume the user of the SSH configuration, with a group of the same name. They are
 * repeated if the host reports another user.
 */
export async function preflight<S extends string>(deps: PreflightDeps<S>, load?: Load): Promise<readonly Check[]> {
  const { balancer, host, slots } = deps
  if (!balancer) return (await checkHost(deps, load)).checks
  const [{ checks, inspection }, found] = await Promise.all([checkHost(deps, load), readBalancer(deps, balancer)])
  const evidence = { balancer, host: host.name, slots, sockets: inspection.sockets, deploying: load !== undefined }
  return [...checks, ...balancerChecks(evidence, found)]
}

interface Checked {
  readonly checks: readonly Check[]
  readonly inspection: HostInspection
}

async function checkHost<S extends string>(deps: PreflightDeps<S>, load: Load | undefined): Promise<Checked> {
  const { host, slots, provisions, environment, deploy } = deps
  const account = (await host.account()) ?? ''
  const expected: Facts = { user: account, group: account, root: account === 'root', missing: [] }
  const [found, early] = await host.all([facts(provisions), caught(inspectHost(deps, expected, load))])
  const asExpected = seesTheSame(expected, found, provisions(found))
  if (asExpected && early.fault) throw early.fault
  const { wanted, began, read, inspection, setup, route, conflicts, changed } =
    (asExpected ? early.value : undefined) ?? (await host.query(inspectHost(deps, found, load)))
  if (read.fault?.code === 'NOT_SET_UP' || read.fault?.code === 'NOT_OURS') throw read.fault
  const state = read.value ? caughtSync(() => resolveLive(read.value, slots)) : read
  const parsed = parseInspection(inspection.text)
  const checks = evaluateChecks({
    host: deps.host.name,
    user: found.user,
    root: deps.layout.root,
    application: deps.layout.user,
    slots,
    server: deps.runtime.server,
    serves: deps.runtime.serves,
    health: deps.health,
    sudo: wanted.flatMap(({ sudo }) => sudo),
    // With a balancer, a promote is measured there.
    inspection: deps.router.machine || deps.runtime.serves === false ? { ...parsed, unmeasured: undefined } : parsed,
    setup,
    changed,
    router: route.fault,
    warned: route.value ?? [],
    conflicts,
    live: { fault: state.fault, name: read.value?.router.slot },
    environment: caughtSync(() => slots.all.map(environment)).fault,
    clock: { began, ended: inspection.at },
    deploy: deploy.id,
    destination: deploy.destination === undefined ? undefined : { name: deploy.destination, lock: deps.layout.lock },
    load: load && { space: await load.space },
  })
  return { checks, inspection: parsed }
}

function inspectHost<S extends string>(deps: PreflightDeps<S>, found: Facts, load: Load | undefined) {
  const { app, host, layout, slots, router, health, provisions } = deps
  const wanted = provisions(found)
  const script = inspect(
    deps,
    wanted.flatMap(({ sudo }) => sudo),
    load?.release,
  )
  const began = Date.now()
  return group(
    [
      caught(readings(deps)),
      capture(script, text => ({ text, at: Date.now() })),
      plan({ host: host.name, app, layout, slots, provisions: wanted, facts: found }),
      caught(router.check(health.path)),
      // These two are slow: they read the router's whole configuration, and every file of the releases. Only `doctor` runs them.
      load ? undefined : router.conflicts?.(),
      load ? undefined : capture(changedFiles(layout, slots), parseChanged),
    ],
    (read, inspection, setup, route, conflicts = [], changed) =>
      ({ wanted, began, read, inspection, setup, route, conflicts, changed }) as const,
  )
}

/** Whether checks made for `expected` are valid for `found`: the same user and group, with the same root access or only world-readable files to compare. */
const seesTheSame = (expected: Facts, found: Facts, wanted: readonly Provision[]): boolean =>
  expected.user === found.user &&
  expected.group === found.group &&
  (expected.root === found.root || wanted.every(({ files }) => files.every(({ mode }) => (mode & 0o004) !== 0)))

/** Throws `PREFLIGHT_FAILED`, with the whole table, if a check failed. */
export function assertFit(host: Host, checks: readonly Check[], table: string | undefined): void {
  const failed = checks.filter(check => check.result === 'fail')
  const [first] = failed
  if (first) throw slotFaults.PREFLIGHT_FAILED({ host: host.name, first, failed: failed.length, table })
}

/** Like `caught`, for synchronous code: returns a `Fault` as a value and rethrows any other error. */
function caughtSync<T>(work: () => T): Caught<T> {
  try {
    return { value: work() }
  } catch (error) {
    if (error instanceof Fault) return { fault: error }
    throw error
  }
}
