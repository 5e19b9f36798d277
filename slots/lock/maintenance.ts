/** A host that is closed for deploys: while a file beside the lock exists, nobody gets the lock. The file says who closed the host, when and why. */

import type { Host } from '../../host/host.ts'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, Maintenance } from '../model.ts'

export async function close(host: Host, layout: Layout, { by }: Deploy, reason: string): Promise<void> {
  const record: Maintenance = { by, since: new Date().toISOString(), reason }
  await host.write(layout.maintenance, `${JSON.stringify(record)}\n`)
}

/** Prints `closed` and the contents of the file on one line; nothing while the host is open. */
export const closedScript = ({ maintenance }: Layout): Script =>
  sh.read`if [ -e ${maintenance} ]; then echo "closed $(tr '\\n' ' ' < ${maintenance} 2> /dev/null || :)"; fi`

/** Parses the output of `closedScript`. */
export const parseClosed = (output: string): Maintenance | undefined =>
  output.startsWith('closed') ? parseMaintenance(output.slice('closed'.length)) : undefined

/** Who closed the host, when and why; undefined while it is open. */
export const closed = (layout: Layout): Query<Maintenance | undefined> => capture(closedScript(layout), parseClosed)

/**
 * Checks whether the host is closed while slow work that needs no lock, such as a build, is running, and aborts that work if so. A failure of the check
 * is ignored.
 * @throws `CLOSED`
 */
export async function unlessClosed<T>(
  { host, layout, signal }: { readonly host: Host; readonly layout: Layout; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  let refusal: Fault | undefined
  const check = async () => {
    const found = await host.query(closed(layout))
    if (found) {
      refusal = slotFaults.CLOSED({ host: host.name, ...found })
      stop.abort(refusal)
    }
  }
  // Whoever takes the lock asks again; this only saves a build.
  check().catch(() => undefined)
  try {
    const result = await work(AbortSignal.any([signal, stop.signal]))
    if (refusal) throw refusal
    return result
  } catch (error) {
    throw refusal ?? error
  }
}

/** Resolves to what the file said; undefined if the host was not closed. */
export async function open(host: Host, layout: Layout): Promise<Maintenance | undefined> {
  const text = await host.capture(sh.read`if [ -e ${layout.maintenance} ]; then cat ${layout.maintenance}; fi`)
  if (text === '') return undefined
  await host.capture(sh.write`rm -f -- ${layout.maintenance}`)
  return parseMaintenance(text)
}

/** Accepts any text, because a file that was created by hand closes the host as well. */
export function parseMaintenance(text: string): Maintenance {
  try {
    const { by, since, reason } = JSON.parse(text) as Partial<Maintenance>
    return { by: by ?? 'somebody', since: since ?? 'an unknown time', reason: reason ?? 'no reason given' }
  } catch {
    return { by: 'somebody', since: 'an unknown time', reason: text.trim() || 'no reason given' }
  }
}
