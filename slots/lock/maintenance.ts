/** A host that is closed for maintenance: a file beside the lock says by whom, since when and why, and nobody gets the lock. */
import type { Host } from '../../host/host.ts'
import { sh } from '../../host/script.ts'
import type { Deploy } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'

export interface Maintenance {
  readonly by: string
  /** ISO 8601, UTC. */
  readonly since: string
  readonly reason: string
}

export async function close(host: Host, layout: Layout, { by }: Deploy, reason: string): Promise<void> {
  const words: Maintenance = { by, since: new Date().toISOString(), reason }
  await host.write(layout.maintenance, `${JSON.stringify(words)}\n`)
}

/** Resolves to what was said there; undefined when it was not closed. */
export async function open(host: Host, layout: Layout): Promise<Maintenance | undefined> {
  const text = await host.ask(sh.read`if [ -e ${layout.maintenance} ]; then cat ${layout.maintenance}; fi`)
  if (text === '') return undefined
  await host.ask(sh.write`rm -f -- ${layout.maintenance}`)
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
