/**
 * What is looked at before anything is written: all at once, and judged together, so that a person mends it all at once.
 * `task doctor` looks at the same at any time.
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
import type { Room } from '../upload/contents.ts'
import { changedFiles, parseChanged } from './changed.ts'
import { evaluateChecks } from './checks.ts'
import { inspect, parseInspection } from './inspect.ts'

/** What a deploy wants to put on the host, and how much room that takes; undefined when it cannot be read here. */
export interface Load {
  readonly release: Release
  readonly room: Promise<Room | undefined>
}

type PreflightDeps<S extends string> = Pick<
  Deps<S>,
  'app' | 'host' | 'layout' | 'slots' | 'router' | 'runtime' | 'health' | 'deploy' | 'provisions' | 'environment'
>

/**
 * Resolves to every check, good and bad. Throws only when there is nothing to look at: `NOT_SET_UP`, `NOT_OURS`, `TOOLS_MISSING`. Who we are there is asked
 * at the same time: all is looked at as for the user that we expect to be, with a group of the same name, and again when we are another.
 */
export async function preflight<S extends string>(deps: PreflightDeps<S>, load?: Load): Promise<readonly Check[]> {
  const { host, slots, provisions, environment, deploy } = deps
  const account = (await host.account()) ?? ''
  const expected: Facts = { user: account, group: account, root: account === 'root', missing: [] }
  const [found, early] = await host.all([facts(provisions), caught(inspectHost(deps, expected, load))])
  const asExpected = sees(expected, found, provisions(found))
  if (asExpected && early.fault) throw early.fault
  const { wants, began, read, look, setup, route, conflicts, changed } =
    (asExpected ? early.value : undefined) ?? (await host.query(inspectHost(deps, found, load)))
  if (read.fault?.code === 'NOT_SET_UP' || read.fault?.code === 'NOT_OURS') throw read.fault
  const truth = read.value ? judged(() => resolveLive(read.value, slots)) : read
  return evaluateChecks({
    host: deps.host.name,
    user: found.user,
    root: deps.layout.root,
    slots,
    health: deps.health,
    sudo: wants.flatMap(want => want.sudo),
    seen: parseInspection(look.text),
    setup,
    changed,
    router: route.fault,
    warned: route.value ?? [],
    conflicts,
    live: { fault: truth.fault, name: read.value?.router.slot },
    environment: judged(() => slots.all.map(environment)).fault,
    clock: { began, ended: look.at },
    deploy: deploy.id,
    load: load && { room: await load.room },
  })
}

/** All at once. */
function inspectHost<S extends string>(deps: PreflightDeps<S>, found: Facts, load: Load | undefined) {
  const { app, host, layout, slots, router, health, provisions } = deps
  const wants = provisions(found)
  const script = inspect(
    deps,
    wants.flatMap(want => want.sudo),
    load?.release,
  )
  const began = Date.now()
  return group(
    [
      caught(readings(deps)),
      capture(script, text => ({ text, at: Date.now() })),
      plan({ host: host.name, app, layout, slots, provisions: wants, facts: found }),
      caught(router.check(health.path)),
      // The whole configuration of a router is much to read: only `doctor` does.
      load ? undefined : router.conflicts?.(),
      // A deploy does not wait for that either: it reads every file.
      load ? undefined : capture(changedFiles(layout, slots), parseChanged),
    ],
    (read, look, setup, route, conflicts = [], changed) =>
      ({ wants, began, read, look, setup, route, conflicts, changed }) as const,
  )
}

/** Whether checks made for one user hold for the other: the same user, who can read all that setup made, or can become root in the same way. */
const sees = (expected: Facts, found: Facts, wants: readonly Provision[]): boolean =>
  expected.user === found.user &&
  expected.group === found.group &&
  (expected.root === found.root || wants.every(want => want.files.every(({ mode }) => (mode & 0o004) !== 0)))

/** Throws `PREFLIGHT_FAILED`, with the whole table, when a check failed. */
export function assertFit(host: Host, checks: readonly Check[], table: string | undefined): void {
  const failed = checks.filter(check => check.result === 'fail')
  const [first] = failed
  if (first) throw slotFaults.PREFLIGHT_FAILED({ host: host.name, first, failed: failed.length, table })
}

/** A `Fault` as a value; any other error is thrown. */
function judged<T>(work: () => T): Caught<T> {
  try {
    return { value: work() }
  } catch (error) {
    if (error instanceof Fault) return { fault: error }
    throw error
  }
}
