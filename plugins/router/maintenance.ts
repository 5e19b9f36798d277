/**
 * The maintenance of a site, for a router that looks for a file on each request. While `router/maintenance` points to a folder, the site is in maintenance;
 * the folder contains the marker `on`, the page, and in `allow/` one empty file for each network that may pass.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, commandFailed, perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { PluginContext, Router, SiteMaintenance } from '../../slots/contracts.ts'
import { addressText, networkOf } from '../../slots/maintenance/networks.ts'
import { parseSiteMaintenance } from '../../slots/maintenance/site.ts'
import { routerFaults } from './faults.ts'
import { filledPage } from './maintenance-page.ts'

const { outdated: OUTDATED } = EXIT.router

interface Site {
  /** The files of the site on the host, and a text that each contains if the router knows of a maintenance. */
  readonly installed: readonly string[]
  readonly needle: string
  /** The user's own page, relative to the Taskfile. */
  readonly page: string | undefined
}

type Methods = Required<Pick<Router, 'maintenance' | 'beginMaintenance' | 'endMaintenance'>>

export function maintenanceByFiles({ folder, layout }: PluginContext, { page, ...site }: Site): Methods {
  const { router } = layout
  return {
    maintenance: () => capture(readMaintenance(router), parseMaintenance),
    beginMaintenance: maintenance =>
      beginMaintenanceQuery(
        beginMaintenance(router, maintenance, site),
        inputOf(maintenance, filledPage(folder, page, maintenance)),
      ),
    endMaintenance: () => perform(endMaintenance(router)),
  }
}

/** @throws MAINTENANCE_NOT_SET_UP if the script ends with `OUTDATED` */
export const beginMaintenanceQuery = (script: Script, input?: string): Query<void> => ({
  script,
  ...(input !== undefined && { input }),
  read(output, host) {
    if (output.code === OUTDATED)
      throw routerFaults.MAINTENANCE_NOT_SET_UP({ host: host.name, path: output.stdout.trim() })
    if (output.code !== 0) throw commandFailed(host, script, output)
  },
})

/** Prints `on` and the record in the next line, or nothing. */
export const readMaintenance = (router: string): Script => {
  const at = (name: string) => posix.join(router, 'maintenance', name)
  return sh.read`if [ -e ${at('on')} ]; then echo on; cat ${at('record.json')} 2> /dev/null || :; fi`
}

/** Parses the output of `readMaintenance`. */
export const parseMaintenance = (printed: string): SiteMaintenance | undefined =>
  printed.startsWith('on') ? parseSiteMaintenance(printed.slice('on'.length)) : undefined

/** The folder's name has the seconds for `Retry-After`, because nginx cannot read a file, but the target of a link. */
export const beginMaintenance = (
  router: string,
  { since, retryAfter }: Pick<SiteMaintenance, 'since' | 'retryAfter'>,
  { installed, needle }: Pick<Site, 'installed' | 'needle'>,
): Script =>
  program(new URL('./begin-maintenance.sh', import.meta.url), {
    writes: true,
    parameters: {
      router,
      name: `maintenance-${retryAfter}-${since.replace(/\D/g, '')}`,
      retry: retryAfter,
      installed,
      needle,
      outdated: OUTDATED,
    },
  })

/** A request that was about to get the page finds the folder gone, and gets 503 without it. */
export const endMaintenance = (router: string): Script =>
  sh.write`if cd ${router} 2> /dev/null; then rm -f maintenance; rm -rf maintenance-*/; fi`

function inputOf(maintenance: SiteMaintenance, page: string): string {
  const names = [...new Set(maintenance.allow.flatMap(allowNames))]
  return [JSON.stringify(maintenance), names.length, ...names, page].join('\n')
}

/**
 * The names of the files in `allow/` for a network. A router looks for the first one to four parts of a client's address, each followed by its separator
 * if more parts follow (`10.`, `10.1.`, `10.1.2.`, `10.1.2.3`, `2001:db8:`), and for the whole address.
 */
export function allowNames(network: string): readonly string[] {
  const { family, parts, prefix } = networkOf(network)
  if (prefix === 128) return [addressText({ family, parts })]
  const [size, separator, radix] = family === 4 ? ([8, '.', 10] as const) : ([16, ':', 16] as const)
  const used = Math.ceil(prefix / size)
  const head = parts.slice(0, used - 1)
  const last = parts[used - 1] ?? 0
  return Array.from({ length: 2 ** (used * size - prefix) }, (_, i) => {
    const text = [...head, last + i].map(part => part.toString(radix)).join(separator)
    return used < 4 ? text + separator : text
  })
}
