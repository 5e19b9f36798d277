/** Stops a slot that is not live, gently: first nobody is connected to it, then it ends. */
import type { Host } from '../../host/host.ts'
import type { Runtime, Slot } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import { readRecord, type SlotRecord } from '../truth/record.ts'
import { counted } from '../words.ts'
import { stopAdopted } from './adopt.ts'
import { drain, type Left } from './port.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  readonly runtime: Runtime
  log(line: string): void
}

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

/** Resolves when the slot's process is gone. `limit`: of the drain, in milliseconds. The count is told at each change. */
export async function stopSlot(ground: Ground, slot: Slot, limit: number): Promise<Retired> {
  const { host, layout, runtime, log } = ground
  const record = await readRecord(host, layout, slot)
  const tell = (during: string) => (now: Left) => log(`${slot.name}, ${during}: ${leftWords(now)}`)
  const { before, left: cut } = await drain(host, slot, limit, tell('drain'))
  if (cut > 0)
    log(`${slot.name} still has ${cut} of ${counted(before, 'connection')} after ${limit} ms: the stop ends them.`)
  const stop = () => (record?.adopted ? stopAdopted(host, record.adopted) : runtime.stop(slot))
  const [{ was, killed }] = await Promise.all([stop(), cut > 0 && drain(host, slot, WATCH, tell('stop'))])
  return { was, killed, cut, words: retiredWords(slot.name, { was, killed, cut }) }
}

const leftWords = ({ left, milliseconds }: Left): string =>
  `${left === 0 ? 'no connection' : counted(left, 'connection')} left after ${(milliseconds / 1000).toFixed(1)} s`

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
  return `${slot} ${how}, ${counted(cut, 'connection')} ${cut === 1 ? 'was' : 'were'} cut: ${by}`
}
