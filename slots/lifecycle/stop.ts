/** Drains and stops a slot that is not live. */

import type { Pipeline } from '../../host/host.ts'
import { capture, type Query, succeeds } from '../../host/query.ts'
import type { Runtime, Slot, Stopped } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { pluralize } from '../format.ts'
import type { SlotRecord } from '../state/slot-record.ts'
import { adoptedUptime, stopAdopted } from './adopt.ts'
import { connections, type Drained, drain, type Left } from './connections.ts'

export interface Retired {
  readonly was: 'running' | 'stopped'
  readonly killed: boolean
  /** Connections that were left after the drain and were closed by the stop. */
  readonly cut: number
  /** A message: `green ended, 3 connections were cut: the application closed them as it ended`. */
  readonly summary: string
}

/** Milliseconds for which connections are counted while a slot stops; its application may close the last ones in batches. */
const WATCH = 300_000

/**
 * Drains the slot, stops it, and resolves when its process is gone. Logs the number of connections at each change.
 *
 * @param record the slot's record, read while the lock was held
 * @param limit timeout of the drain, in milliseconds
 * @param batch scripts to run before; this function runs the batch
 */
export async function stopSlot(
  deps: Pick<Deps, 'host' | 'runtime' | 'log'>,
  slot: Slot,
  record: SlotRecord | undefined,
  limit: number,
  batch: Pipeline = deps.host.pipeline(),
): Promise<Retired> {
  const { host, runtime, log } = deps
  const logLeft = (phase: string) => (now: Left) => log(`${slot.name}, ${phase}: ${describeLeft(now)}`)
  let watch: Promise<unknown> | undefined
  const onEnd = ({ before, left }: Drained) => {
    if (left === 0) return
    log(
      `${slot.name} still has ${left} of ${pluralize(before, 'connection')} after ${limit} ms: stopping it closes them.`,
    )
    // It only tells how many are left; the stop does not depend on it.
    watch = host.query(drain(slot, WATCH, { onChange: logLeft('stop') })).catch(() => undefined)
  }
  // Without a process that serves requests, a connection to the port is another application's.
  const drained =
    runtime.serves === false ? undefined : batch.add(drain(slot, limit, { onChange: logLeft('drain'), onEnd }))
  const stopped = batch.add(stopping(runtime, slot, record))
  await batch.run()
  await watch
  const cut = (await drained)?.left ?? 0
  const { was, killed } = await stopped
  return { was, killed, cut, summary: describeRetired(slot.name, { was, killed, cut }) }
}

const stopping = (runtime: Runtime, slot: Slot, record: SlotRecord | undefined): Query<Stopped> =>
  record?.adopted ? stopAdopted(record.adopted) : runtime.stop(slot)

/** The dry-run counterpart of `stopSlot`: resolves to a message about the slot's current state, and prints the command that would stop it. */
export async function wouldStop(
  { host, runtime }: Pick<Deps, 'host' | 'runtime' | 'log'>,
  slot: Slot,
  record: SlotRecord | undefined,
): Promise<string> {
  const [process, connected, adopted] = await host.all([
    runtime.process(slot),
    capture(connections(slot)),
    record?.adopted ? succeeds(adoptedUptime(record.adopted)) : undefined,
  ])
  await host.query(stopping(runtime, slot, record))
  const running = process.state === 'running' || adopted === true
  if (!running) return `${slot.name} is down: there is nothing to stop`
  return `${slot.name} is running, with ${pluralize(Number(connected), 'connection')}: it would be drained and stopped`
}

const describeLeft = ({ left, milliseconds }: Left): string =>
  `${left === 0 ? 'no connection' : pluralize(left, 'connection')} left after ${(milliseconds / 1000).toFixed(1)} s`

/** A message about an earlier deploy to the slot that was interrupted; undefined if there is none. */
export const describeInterrupted = (record: SlotRecord | undefined, deploy: string): string | undefined =>
  record?.state === 'starting' && record.deploy !== deploy
    ? `the deploy of ${record.release.name} to ${record.slot} by ${record.by} (${record.deploy}) was interrupted before it was healthy`
    : undefined

export function describeRetired(slot: string, { was, killed, cut }: Omit<Retired, 'summary'>): string {
  const how = was === 'stopped' ? 'was down' : killed ? 'did not end by itself and was killed' : 'ended'
  if (cut === 0) return `${slot} ${how}`
  const by = killed ? 'by the kill' : 'the application closed them as it ended'
  return `${slot} ${how}, ${pluralize(cut, 'connection')} ${cut === 1 ? 'was' : 'were'} cut: ${by}`
}
