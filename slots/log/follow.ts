/** Follows the logs of several slots at once. */
import type { RemoteProcess } from '../../host/host.ts'
import type { LogStream, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { SlotLine } from './merge.ts'

export interface Followed {
  readonly slot: Slot
  readonly stream: LogStream
}

/**
 * Calls `print` for each line that is written, in the order in which they arrive. Resolves when the signal is aborted, and never otherwise.
 *
 * @throws LOG_CUT if the connection is lost; LOG_ENDED if the program that reads the log ends
 */
export async function followLogs(
  host: Deps['host'],
  followed: readonly Followed[],
  print: (line: SlotLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const readers = await Promise.all(
    followed.map(async ({ slot, stream }) => ({ slot, stream, reader: await host.spawn(stream.script) })),
  )
  const copy = async ({ slot, stream, reader }: Followed & { readonly reader: RemoteProcess }) => {
    for await (const output of reader.lines) for (const line of stream.parse(output)) print({ ...line, slot })
    const code = await reader.ended
    if (signal.aborted) return
    if (code === undefined) throw slotFaults.LOG_CUT({ host: host.name, slot: slot.name })
    throw slotFaults.LOG_ENDED({ host: host.name, slot: slot.name, code })
  }
  try {
    await Promise.race([aborted, ...readers.map(copy)])
  } finally {
    // Not awaited: after Ctrl-C the connection closes, and each script ends with its stdin.
    for (const { reader } of readers) void reader[Symbol.asyncDispose]()
  }
}
