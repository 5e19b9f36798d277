/** Begins and ends the maintenance of a site, and verifies it. A host that is closed for deploys (`lock`) is something else. */
import { isSkipped, type Query } from '../../host/query.ts'
import { Fault } from '../../runner/fault.ts'
import type { Router, SiteMaintenance } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { append, recorded } from '../journal/journal.ts'
import { assertSetUp } from '../setup/owner.ts'

type SiteDeps = Pick<Deps, 'host' | 'layout' | 'deploy' | 'health' | 'dryRun'>
type Able = 'maintenance' | 'beginMaintenance' | 'endMaintenance' | 'outside'
/** A router with the optional methods for a maintenance. */
export type Maintaining = Router & Required<Pick<Router, Able>>

/** @throws ROUTER_CANNOT */
export function maintaining(router: Router): Maintaining {
  const { maintenance, beginMaintenance, endMaintenance, outside } = router
  if (!maintenance || !beginMaintenance || !endMaintenance || !outside)
    throw slotFaults.ROUTER_CANNOT({ verb: 'maintenance' })
  return router as Maintaining
}

/**
 * Resolves to the maintenance that was on before, if any. Takes no lock: a deploy that is running has no part in it, and would delay it.
 *
 * @throws `MAINTENANCE_UNVERIFIED`; the state before is then restored
 */
export function begin(
  deps: SiteDeps,
  router: Maintaining,
  wanted: SiteMaintenance,
): Promise<SiteMaintenance | undefined> {
  const change: Change = {
    on: true,
    query: router.beginMaintenance(wanted),
    why: `on: ${wanted.message}`,
    undo: before => (before ? router.beginMaintenance(before) : router.endMaintenance()),
  }
  return changed(deps, router, change)
}

/**
 * Resolves to the maintenance that was on before; undefined if none was.
 *
 * @throws `MAINTENANCE_UNVERIFIED`; nothing is restored then, because the site is meant to be open
 */
export const end = (deps: SiteDeps, router: Maintaining): Promise<SiteMaintenance | undefined> =>
  changed(deps, router, { on: false, query: router.endMaintenance(), why: 'off' })

interface Change {
  readonly on: boolean
  readonly query: Query<void>
  /** For the journal. */
  readonly why: string
  undo?(before: SiteMaintenance | undefined): Query<void>
}

const changed = (
  deps: SiteDeps,
  router: Maintaining,
  { on, query, why, undo }: Change,
): Promise<SiteMaintenance | undefined> =>
  recorded(deps, { event: 'maintenance', slot: '' }, async () => {
    const { host, layout, deploy, health, dryRun } = deps
    // One round trip for what was on, the change, and what a client from outside gets then.
    const batch = host.pipeline()
    batch.push(assertSetUp(layout))
    const reading = batch.add(router.maintenance())
    const changing = batch.add(query)
    const asking = batch.add(router.outside(health.path))
    try {
      await batch.run()
      const { status, maintenance } = await asking
      if (!dryRun && maintenance !== on) throw slotFaults.MAINTENANCE_UNVERIFIED({ host: host.name, on, status })
    } catch (error) {
      // The first error is the one to report. `status` shows a maintenance that could not be undone.
      const before = await reading.catch(() => undefined)
      if (undo && !dryRun && (await mayHaveRun(changing))) await host.query(undo(before)).catch(() => undefined)
      throw error
    }
    const before = await reading
    if (on || before) await host.query(append(layout, deploy, { event: 'maintenance', slot: '', result: 'done', why }))
    return before
  })

/** A change that fails has changed nothing, unless it was interrupted. */
const mayHaveRun = (changing: Promise<void>): Promise<boolean> =>
  changing.then(
    () => true,
    (error: unknown) => !isSkipped(error) && error instanceof Fault && error.code === 'COMMAND_INTERRUPTED',
  )

/** A sentence for people: since when, by whom, and who passes. */
export const describeMaintenance = ({ by, since, message, allow, retryAfter }: SiteMaintenance): string =>
  `The site has been in maintenance since ${since}, by ${by}: ${message} ` +
  `Clients get 503, and are asked to come back after ${retryAfter} s${allow.length > 0 ? `, except those of ${allow.join(', ')}` : ''}.`

/** Parses the record of a maintenance on a host. Accepts any text, because somebody may have made it by hand. */
export function parseSiteMaintenance(text: string): SiteMaintenance {
  const unknown = { by: 'somebody', since: 'an unknown time', message: 'no message.', allow: [], retryAfter: 0 }
  try {
    return { ...unknown, ...(JSON.parse(text) as Partial<SiteMaintenance>) }
  } catch {
    return unknown
  }
}
