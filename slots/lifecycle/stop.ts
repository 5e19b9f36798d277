/** Stops a slot that is not live, gently: first nobody is connected to it, then it ends. */

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
  /** Connections that were still there when the drain was over, and that the stop ended. */
  readonly cut: number
  /** All of it for people: `green ended, 3 connections were cut: the application closed them`. */
  readonly words: string
}

/** While a slot stops, its application may close its last connections in batches: they are counted for so long, in milliseconds. */
const WATCH = 300_000

/**
 * Resolves when the slot's process is gone. `record`: the slot's, as it was read under the lock. `limit`: of the drain, in milliseconds.
 * The count is told at each change. `batch`: what must come before it; it is run here.
 */
export async function stopSlot(
  deps: Pick<Deps, 'host' | 'runtime' | 'log'>,
  slot: Slot,
  record: SlotRecord | undefined,
  limit: number,
  batch: Pipeline = deps.host.pipeline(),
): Promise<Retired> {
  const { host, runtime, log } = deps
  const tell = (during: string) => (now: Left) => log(`${slot.name}, ${during}: ${leftWords(now)}`)
  let watch: Promise<unknown> | undefined
  const onEnd = ({ before, left }: Drained) => {
    if (left === 0) return
    log(`${slot.name} still has ${left} of ${pluralize(before, 'connection')} after ${limit} ms: the stop ends them.`)
    watch = host.query(drain(slot, WATCH, { onChange: tell('stop') })).catch(() => undefined)
  }
  const drained = batch.add(drain(slot, limit, { onChange: tell('drain'), onEnd }))
  const stopped = batch.add(stopping(runtime, slot, record))
  await batch.run()
  await watch
  const { left: cut } = await drained
  const { was, killed } = await stopped
  return { was, killed, cut, words: retiredWords(slot.name, { was, killed, cut }) }
}

const stopping = (runtime: Runtime, slot: Slot, record: SlotRecord | undefined): Query<Stopped> =>
  record?.adopted ? stopAdopted(record.adopted) : runtime.stop(slot)

/** What a dry run can say of a slot that it does not stop: what was seen of it. Prints how it would be stopped. */
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
  const runs = process.state === 'running' || adopted === true
  if (!runs) return `${slot.name} is down: there is nothing to stop`
  return `${slot.name} runs, with ${pluralize(Number(connected), 'connection')}: it would be drained and stopped`
}

const leftWords = ({ left, milliseconds }: Left): string =>
  `${left === 0 ? 'no connection' : pluralize(left, 'connection')} left after ${(milliseconds / 1000).toFixed(1)} s`

/** What there is to say about a slot whose deploy never came to its end; undefined when there is nothing. */
export const cutWords = (record: SlotRecord | undefined, deploy: string): string | undefined =>
  record?.state === 'starting' && record.deploy !== deploy
    ? `the deploy of ${record.release.name} to ${record.slot} by ${record.by} (${record.deploy}) was cut before it was healthy`
    : undefined

/** What there is to say about a slot that was stopped. */
export function retiredWords(slot: string, { was, killed, cut }: Omit<Retired, 'words'>): string {
  const how = was === 'stopped' ? 'was down' : killed ? 'did not end by itself and was killed' : 'ended'
  if (cut === 0) return `${slot} ${how}`
  const by = killed ? 'by the kill' : 'the application closed them as it ended'
  return `${slot} ${how}, ${pluralize(cut, 'connection')} ${cut === 1 ? 'was' : 'were'} cut: ${by}`
}
