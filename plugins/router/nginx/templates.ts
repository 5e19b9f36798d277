/** Renders the nginx files in `nginx/` for one application. */

import { readFileSync } from 'node:fs'
import { hostPart, packageUrl, routerFaults, type Slot } from '../shared.ts'

export type NginxFile =
  | 'live-link'
  | 'maintenance'
  | 'site'
  | 'reload-slot'
  | 'reload-none'
  | 'tls'
  | 'https-redirect'
  | 'acme'
  | 'body-size'
  | 'canary'
  | 'trusted-proxies'
  | 'preview'
  | 'preview-location'
  | 'files'
  | 'php'
  | 'socket'

/** The unrendered text of a file in the package. */
export const shipped = (name: NginxFile): string => readFileSync(packageUrl(`nginx/${name}.conf`), 'utf8')

/**
 * Replaces placeholders such as `@site@`; `@backend@`, `@machine@`, `@patience@` and `@retries@` are how nginx finds the slots, with `app` of the values. A line with `@slot@` or `@port@` is repeated for each
 * slot, and a line with only a placeholder is left out if its value is empty.
 *
 * @throws Error for a placeholder that `values` lacks
 */
export function render(
  text: string,
  values: Readonly<Record<string, string | number>>,
  slots: readonly Pick<Slot, 'name' | 'port' | 'address' | 'pool'>[],
): string {
  const all = { ...backendOf(String(values.app ?? ''), slots), ...values }
  const fill = (line: string, known: Readonly<Record<string, string | number>>) =>
    line.replace(/@([a-z]+)@/g, (placeholder, name: string) => {
      const value = known[name]
      if (value === undefined) throw new Error(`${placeholder} is not a placeholder of this file`)
      return String(value)
    })
  return text
    .split('\n')
    .flatMap(line =>
      /@(?:slot|port)@/.test(line)
        ? slots.map(({ name, port }) => fill(line, { ...all, slot: name, port }))
        : [fill(line, all)].filter(filled => filled.trim() !== '' || !/^ *@[a-z]+@$/.test(line)),
    )
    .join('\n')
}

/** The lines of the location that sends requests to the live slot, for others that have to send them in the same way. */
export const applicationLocation = (): string => /^location \/ \{\n([\s\S]*?)^\}/m.exec(shipped('live-link'))?.[1] ?? ''

/** Indents all lines but the first, for a placeholder behind `indent`. */
export const indented = (text: string, indent: string): string => text.replace(/\n(?=.)/g, `\n${indent}`)

/** The name of a group of servers, before the port of its slot. */
export const poolName = (app: string): string => `switchyard_${app}_`

type Backend = Readonly<Record<'backend' | 'machine' | 'patience' | 'retries', string>>

/** How the site finds a slot, before its port: on one host at its address, on several as a group of servers. */
function backendOf(app: string, [slot]: readonly Pick<Slot, 'address' | 'pool'>[]): Backend {
  if (slot?.pool)
    return {
      backend: poolName(app),
      machine: `${slot.pool.length} machines`,
      // Another host can take over, so a host that does not answer at all is given up soon.
      patience: '2s',
      // A request that may have been handled, such as a POST that was sent, is not repeated.
      retries: 'error timeout',
    }
  const address = hostPart(slot?.address)
  const machine = slot?.address === undefined ? 'this machine' : `the one machine ${address}`
  return { backend: `${address}:`, machine, patience: '5s', retries: 'off' }
}

/** A text that is in a site's file if it knows of a maintenance. */
export const maintenanceMarker = (router: string): string => `-f ${router}/maintenance/on`

/** The part of a server block for the maintenance of the site, for the placeholder `@maintenance@` behind `indent`. */
export const maintenanceBlock = (router: string, indent = ''): string =>
  indented(render(shipped('maintenance'), { router }, []).trimEnd(), indent)

/** The part of a server block for a canary, for the placeholder `@canary@`: nothing without the option. */
export function canaryBlock(router: string, slots: readonly Pick<Slot, 'name' | 'port'>[], wanted = false): string {
  if (!wanted) return ''
  const others = slots.map(({ name }) => {
    const other = slots.find(slot => slot.name !== name)
    return `if ($switchyard_canary = "not ${name}") { set $switchyard_canary ${other?.name}; set $switchyard_port ${other?.port}; }`
  })
  return render(shipped('canary'), { router, others: others.join('\n') }, []).trimEnd()
}

/**
 * Returns the value if it has no special meaning in an nginx file.
 *
 * @throws `NGINX_WORD_INVALID`
 */
export function plainWord(what: string, value: string): string {
  if (!/^[A-Za-z0-9_/.-]+$/.test(value)) throw routerFaults.NGINX_WORD_INVALID({ what, value })
  return value
}
