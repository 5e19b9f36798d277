/** The status of a host: one row per slot, and the three readings of which slot is live. */

import { capture, caught, each, group } from '../../host/query.ts'
import { table, wrapped } from '../../runner/output/table.ts'
import { age } from '../../runner/units.ts'
import { describeCanary } from '../canary/canary.ts'
import type { Canary, Runtime, SiteMaintenance, Slot, SlotProcess } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { LeftOut } from '../fleet/left-out.ts'
import type { Serving } from '../fleet/serving.ts'
import { describeReadings } from '../format.ts'
import { healthLoop, parseHealth } from '../health/health.ts'
import { adoptedUptime } from '../lifecycle/adopt.ts'
import { connections } from '../lifecycle/connections.ts'
import { closed } from '../lock/maintenance.ts'
import { describeMaintenance } from '../maintenance/site.ts'
import { type Detached, newestMigration } from '../migration/detached.ts'
import { describeMigration } from '../migration/migration.ts'
import type { HealthResult, Maintenance } from '../model.ts'
import { agree, type Readings, readingLines, readings } from '../state/readings.ts'
import type { SlotRecord } from '../state/slot-record.ts'

export interface SlotStatus {
  readonly slot: string
  readonly live: boolean
  /** The share of the traffic that it gets as a canary, in percent; missing if it gets none. */
  readonly canary?: number
  /** Name of the release; null if nothing was ever deployed. */
  readonly release: string | null
  readonly state: SlotProcess['state']
  /** The names of the slot's other processes that should run and do not; missing if there are none. */
  readonly failed?: readonly string[]
  readonly pid: number | null
  /** Seconds. */
  readonly uptime: number | null
  readonly health: 'healthy' | 'ill' | 'unknown'
  /** Established connections to the slot's port. */
  readonly connections: number
}

export interface Status {
  readonly host: string
  /** The role of the host; missing if the hosts have none. */
  readonly role?: string
  /** Missing for a Taskfile without destinations. */
  readonly destination?: string
  /** The host of the router, if that is another one. */
  readonly balancer?: string
  /** null if no slot is live, or if the readings do not agree. */
  readonly live: string | null
  /** The id of the promote that sent the traffic to that slot, from the router; null if no slot is live, or if the router keeps none. */
  readonly generation: string | null
  readonly agreed: boolean
  readonly readings: Readonly<Record<string, string>>
  readonly slots: readonly SlotStatus[]
  /** The newest migration, with its state: `running`, `lost` (it left no result), or its exit code. */
  readonly migration: Detached | null
  /** Who closed the host for deploys, when and why; null while it is open. */
  readonly closed?: Maintenance | null
  /** The maintenance of the site; null while there is none. */
  readonly maintenance?: SiteMaintenance | null
  /** The share of the traffic that the slot gets which is not live; null while there is none. */
  readonly canary?: Canary | null
  /** How a person reaches the idle slot; null without a preview. */
  readonly preview?: string | null
}

type StatusDeps<S extends string> = Pick<
  Deps<S>,
  'balancer' | 'layout' | 'slots' | 'router' | 'host' | 'runtime' | 'health'
> & { readonly destination?: string | undefined; readonly role?: string | undefined }

interface Found {
  readonly status: Status
  /** What the host serves; undefined if that is not certain. */
  readonly serving: Serving | undefined
  readonly leftOut?: readonly LeftOut[]
}

/** Collects the status. `hosts`: as in `readings`. Readings that disagree are part of the result, not an error. */
export async function readStatus<S extends string>(deps: StatusDeps<S>, hosts?: readonly string[]): Promise<Found> {
  const { host, balancer, layout, router } = deps
  const [read, migration, closedBy, maintenance] = await host.all([
    readings(deps, { hosts }),
    newestMigration(layout),
    closed(layout),
    router.maintenance?.(),
  ])
  const live = agree(read) ? (read.router.slot ?? null) : null
  const slots = await slotStatuses(deps, read.records)
  const status: Status = {
    host: host.name,
    ...(deps.role !== undefined && { role: deps.role }),
    ...(deps.destination !== undefined && { destination: deps.destination }),
    ...(balancer && { balancer: balancer.host.name }),
    live,
    generation: (live !== null && read.router.generation) || null,
    agreed: agree(read),
    readings: Object.fromEntries(readingLines(read)),
    slots: slots.map(slot => ({
      ...slot,
      live: live === slot.slot,
      ...(live !== null && live !== slot.slot && read.canary && { canary: read.canary.percent }),
    })),
    migration: migration ?? null,
    closed: closedBy ?? null,
    maintenance: maintenance ?? null,
    canary: read.canary ?? null,
    preview: router.preview ?? null,
  }
  const release = read.records.find(record => record?.slot === live)?.release
  const serving = agree(read) ? { slot: live ?? undefined, release } : undefined
  return { status, serving, ...(read.leftOut && { leftOut: read.leftOut }) }
}

/** Inspects all slots in one round trip, then checks the health of the running ones. */
async function slotStatuses(
  { host, layout, slots, runtime, health }: StatusDeps<string>,
  records: Readings['records'],
): Promise<readonly Omit<SlotStatus, 'live'>[]> {
  const inspections = await host.query(
    each(slots.all.map((slot, i) => inspectSlot(runtime, slot, records[i]?.adopted ?? undefined))),
  )
  const once = { ...health, passes: 1, soak: 0, within: WITHIN }
  const results = await host.all(
    inspections.map(({ slot, process: { state, pid } }) =>
      state === 'running' && pid !== undefined && runtime.serves !== false
        ? capture(healthLoop(slot, pid, once, { server: runtime.server, user: layout.user }), parseHealth)
        : undefined,
    ),
  )
  return inspections.map(({ slot, process, connected }, i) => {
    const result = results[i]
    return {
      slot: slot.name,
      release: records[i]?.release.name ?? null,
      state: process.state,
      ...(process.failed && { failed: process.failed }),
      pid: process.pid ?? null,
      uptime: process.uptime ?? null,
      health: healthIn(runtime, process, result),
      connections: connected,
    }
  })
}

const inspectSlot = (runtime: Runtime, slot: Slot, adopted: NonNullable<SlotRecord['adopted']> | undefined) =>
  group(
    [
      runtime.process(slot),
      capture(connections(slot), Number),
      adopted && caught(capture(adoptedUptime(adopted), Number)),
    ],
    (supervised, connected, uptime) => {
      const process: SlotProcess =
        adopted && uptime?.value !== undefined
          ? { state: 'running', pid: adopted.pid, uptime: uptime.value }
          : supervised
      return { slot, process, connected }
    },
  )

/** A slot without a process that serves requests is healthy while its processes run. */
function healthIn(runtime: Runtime, { state }: SlotProcess, result: HealthResult | undefined): SlotStatus['health'] {
  if (runtime.serves === false) return state === 'running' ? 'healthy' : state === 'failed' ? 'ill' : 'unknown'
  if (result === undefined) return 'unknown'
  return isHealthy(result) ? 'healthy' : 'ill'
}

/** Timeout of the health check, in milliseconds. */
const WITHIN = 500

const isHealthy = ({ outcome, sockets }: HealthResult): boolean =>
  outcome === 'passed' && sockets.length > 0 && sockets.every(({ owner }) => owner !== undefined)

/** The row of the live slot if it is not healthy. */
export const unhealthyLive = ({ slots }: Status): SlotStatus | undefined =>
  slots.find(({ live, health }) => live && health !== 'healthy')

/** The live slot and those of its processes that do not run; undefined if all do. */
export function incompleteLive({ slots }: Status): { slot: string; failed: readonly string[] } | undefined {
  const { slot, failed } = slots.find(({ live }) => live) ?? {}
  return slot !== undefined && failed ? { slot, failed } : undefined
}

const HEAD = ['slot', 'live', 'release', 'state', 'pid', 'uptime', 'health', 'connections']

/** The cells of a slot that tables of one and of several hosts have. */
const cells = ({ slot, live, canary, release, state, failed = [] }: SlotStatus): readonly string[] => [
  slot,
  live ? 'live' : canary === undefined ? '' : `${canary} %`,
  release ?? '-',
  [state, ...failed.map(name => `${name} failed`)].join(', '),
]
const uptimeOf = ({ uptime }: SlotStatus): string => (uptime === null ? '-' : age(uptime))

/** The row of a slot in a table of several hosts, after the name of the host. */
export const slotCells = (slot: SlotStatus): readonly string[] => [
  ...cells(slot),
  uptimeOf(slot),
  slot.health,
  String(slot.connections),
]

/** What is unusual about a host, in sentences. */
export function statusRemarks(status: Status): readonly string[] {
  const { migration, agreed, readings, canary, maintenance, host, closed } = status
  const unfinished = migration ? describeMigration(migration) : undefined
  return [
    ...(unfinished ? [`Migrations: ${unfinished}`] : []),
    ...(agreed ? [] : [`It is not certain which slot is live: ${describeReadings(Object.entries(readings))}.`]),
    ...(canary ? [describeCanary(canary)] : []),
    ...(maintenance ? [describeMaintenance(maintenance)] : []),
    ...(closed ? [closedText(host, closed)] : []),
  ]
}

export function statusTable(status: Status, columns?: number): string {
  const rows = status.slots.map(slot => [
    ...cells(slot),
    String(slot.pid ?? '-'),
    uptimeOf(slot),
    slot.health,
    String(slot.connections),
  ])
  const unfinished = status.migration ? describeMigration(status.migration) : undefined
  const migrations = unfinished ? ['', ...wrapped(`Migrations: ${unfinished}`, columns)] : []
  const readings = Object.entries(status.readings)
  const agreed = `All agree: ${readings.map(([source, slot]) => `${source} ${slot}`).join(', ')}`
  const certain = status.agreed
    ? wrapped(agreed, columns)
    : ['It is not certain which slot is live:', table(readings, { columns })]
  const slots = table(rows, { columns, head: HEAD })
  const canary = status.canary ? wrapped(describeCanary(status.canary), columns) : []
  const maintenance = status.maintenance ? ['', ...wrapped(describeMaintenance(status.maintenance), columns)] : []
  const where = status.destination === undefined ? [] : [`${status.destination}: ${status.host}`, '']
  const preview = status.preview ? wrapped(`Preview of the idle slot: ${status.preview}`, columns) : []
  return [
    ...where,
    slots,
    ...migrations,
    '',
    ...certain,
    ...canary,
    ...preview,
    ...maintenance,
    ...closedLines(status, columns),
  ].join('\n')
}

const closedLines = ({ host, closed }: Status, columns: number | undefined): string[] =>
  closed ? ['', ...wrapped(closedText(host, closed), columns)] : []

const closedText = (host: string, { by, since, reason }: Maintenance): string =>
  `${by} closed ${host} for deploys at ${since}: ${reason}`
