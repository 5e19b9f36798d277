/** The nginx files that are shipped in `nginx/`, filled in for one application. */
import { readFileSync } from 'node:fs'
import { packageUrl } from '../../../runner/package.ts'
import type { Slot } from '../../../slots/contracts.ts'
import { routerFaults } from '../faults.ts'

export type NginxFile = 'live-link' | 'site' | 'reload-slot' | 'reload-none'

/** The text of a shipped file, as it stands in the package. */
export const shipped = (name: NginxFile): string => readFileSync(packageUrl(`nginx/${name}.conf`), 'utf8')

/**
 * Fills in the names between at signs. A line that speaks of `@slot@` or `@port@` is repeated for each slot. A name
 * that `values` lacks is a mistake in the file, and an `Error`.
 */
export function render(
  text: string,
  values: Readonly<Record<string, string | number>>,
  slots: readonly Pick<Slot, 'name' | 'port'>[],
): string {
  const fill = (line: string, known: Readonly<Record<string, string | number>>) =>
    line.replace(/@([a-z]+)@/g, (placeholder, name: string) => {
      const value = known[name]
      if (value === undefined) throw new Error(`${placeholder} is no placeholder of this file`)
      return String(value)
    })
  return text
    .split('\n')
    .flatMap(line =>
      /@(?:slot|port)@/.test(line)
        ? slots.map(({ name, port }) => fill(line, { ...values, slot: name, port }))
        : [fill(line, values)],
    )
    .join('\n')
}

/** A word that means nothing to nginx but itself, or a `NGINX_WORD_INVALID`. */
export function plain(what: string, value: string): string {
  if (!/^[A-Za-z0-9_/.-]+$/.test(value)) throw routerFaults.NGINX_WORD_INVALID({ what, value })
  return value
}
