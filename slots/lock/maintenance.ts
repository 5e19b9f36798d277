/** A host that is closed for maintenance: a file beside the lock says by whom, since when and why, and nobody gets the lock. */

import type { Host } from '../../host/host.ts'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, Maintenance } from '../model.ts'

export async function close(host: Host, layout: Layout, { by }: Deploy, reason: string): Promise<void> {
  const words: Maintenance = { by, since: new Date().toISOString(), reason }
  await host.write(layout.maintenance, `${JSON.stringify(words)}\n`)
}

/** Prints what is said there behind `closed`, on one line; nothing while the host is open. */
export const closedWords = ({ maintenance }: Layout): Script =>
  sh.read`if [ -e ${maintenance} ]; then echo "closed $(tr '\\n' ' ' < ${maintenance} 2> /dev/null || :)"; fi`

/** Reads what `closedWords` printed. */
export const parseClosed = (printed: string): Maintenance | undefined =>
  printed.startsWith('closed') ? parseMaintenance(printed.slice('closed'.length)) : undefined

/** Who closed the host, since when and why; undefined while it is open. */
export const closed = (layout: Layout): Query<Maintenance | undefined> => capture(closedWords(layout), parseClosed)

/**
 * Asks whether the host is closed while something is done that takes long and needs no lock, such as a build, which is told to stop when it is.
 * Throws `CLOSED` then. A host that cannot be asked is no hindrance here.
 */
export async function unlessClosed<T>(
  { host, layout, signal }: { readonly host: Host; readonly layout: Layout; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  let refusal: Fault | undefined
  const ask = async () => {
    const found = await host.query(closed(layout))
    if (found) {
      refusal = slotFaults.CLOSED({ host: host.name, ...found })
      stop.abort(refusal)
    }
  }
  ask().catch(() => undefined)
  try {
    const done = await work(AbortSignal.any([signal, stop.signal]))
    if (refusal) throw refusal
    return done
  } catch (error) {
    throw refusal ?? error
  }
}

/** Resolves to what was said there; undefined when it was not closed. */
export async function open(host: Host, layout: Layout): Promise<Maintenance | undefined> {
  const text = await host.capture(sh.read`if [ -e ${layout.maintenance} ]; then cat ${layout.maintenance}; fi`)
  if (text === '') return undefined
  await host.capture(sh.write`rm -f -- ${layout.maintenance}`)
  return parseMaintenance(text)
}

/** A file that somebody made by hand closes the host as well. */
export function parseMaintenance(text: string): Maintenance {
  try {
    const { by, since, reason } = JSON.parse(text) as Partial<Maintenance>
    return { by: by ?? 'somebody', since: since ?? 'an unknown time', reason: reason ?? 'no reason given' }
  } catch {
    return { by: 'somebody', since: 'an unknown time', reason: text.trim() || 'no reason given' }
  }
}
