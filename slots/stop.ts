/** Stops a slot that is not live, gently: first nobody is connected to it, then it ends. */
import type { Host } from '../host/host.ts'
import { stopAdopted } from './adopt.ts'
import type { Runtime, Slot } from './contracts.ts'
import type { Layout } from './layout.ts'
import { drain } from './port.ts'
import { readRecord } from './record.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  readonly runtime: Runtime
  log(line: string): void
}

/** Resolves, when the slot's process is gone, to what there is to say about it. `limit`: of the drain, in milliseconds. */
export async function stopSlot(ground: Ground, slot: Slot, limit: number): Promise<string> {
  const { host, layout, runtime, log } = ground
  const record = await readRecord(host, layout, slot)
  const drained = await drain(host, slot, limit)
  if (drained.left > 0)
    log(
      `${slot.name} still has ${drained.left} of ${drained.before} connections after ${limit} ms: the stop ends them.`,
    )
  const stopped = record?.adopted ? await stopAdopted(host, record.adopted) : await runtime.stop(slot)
  const how = stopped.was === 'stopped' ? 'was down' : stopped.killed ? 'did not end by itself and was killed' : 'ended'
  const cut = drained.left > 0 ? `, ${drained.left} connections were cut` : ''
  return `${slot.name} ${how}${cut}`
}
