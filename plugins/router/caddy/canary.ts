/** The part of Caddy's routes for a canary. Caddy looks for one file on each request, and for the rest only while a canary runs. */

import { posix } from 'node:path'
import { NUMBER_COOKIE, type Slot, slotAt } from '../shared.ts'
import { indented } from './indent.ts'
import type { Proxying } from './proxy.ts'

type Slots = readonly Pick<Slot, 'name' | 'port' | 'address'>[]

/** A text that is in the site's file if it knows of a canary. */
export const canaryMarker = '/{vars.switchyard_route}/canary/on'

/**
 * Behind the answer which slot is live, in front of the proxy to it: nothing without the option. Placeholders of `map`
 * are evaluated when they are used, and another match of files would change them, so what is known of the route is kept in variables.
 */
export function canaryRoutes(router: string, slots: Slots, proxy: Proxying, wanted = false): string {
  if (!wanted) return ''
  const look = (indent: string, ...names: readonly string[]) =>
    `${indent}root ${router}\n${indent}try_files ${names.map(name => `/${posix.join('{vars.switchyard_route}/canary', name)}`).join(' ')}\n`
  const rows = slots.map(slot => {
    const other = slots.find(({ name }) => name !== slot.name)
    return `\t\t\t\t${slot.name} ${slotAt(slot)} ${other?.name} ${other && slotAt(other)}\n`
  })
  const digit = '[0-9a-f]'
  return `		# A canary: \`task promote green --percent 5\` renames a link in the folder of the live route, and a promote leaves that folder.
		vars switchyard_live {switchyard_slot}
		vars switchyard_route {switchyard_slot}.{switchyard_generation}
		@switchyard_canary {
			file {
${look('\t\t\t\t', 'on')}			}
		}
		route @switchyard_canary {
			# Each request draws a number, unless it has one.
			map "{http.request.cookie.${NUMBER_COOKIE}}|{http.request.uuid}" {switchyard_number} {switchyard_two} {switchyard_one} {switchyard_visitor} {
				~^(((${digit})${digit})${digit})\\| \${1} \${2} \${3} known
				~\\|(((${digit})${digit})${digit}) \${1} \${2} \${3} new
			}
			map {vars.switchyard_live} {switchyard_own_upstream} {switchyard_other} {switchyard_other_upstream} {
${rows.join('')}			}
			map {http.request.scheme} {switchyard_secure} {
				https "; Secure"
				default ""
			}
			@switchyard_visitor {
				vars {switchyard_visitor} new
				file {
${look('\t\t\t\t\t', 'sticky')}				}
			}
			header @switchyard_visitor +Set-Cookie "${NUMBER_COOKIE}={switchyard_number}; Path=/; HttpOnly; SameSite=Lax{switchyard_secure}"
			@switchyard_share {
				file {
${look('\t\t\t\t\t', 'share/{switchyard_one}', 'share/{switchyard_two}', 'share/{switchyard_number}')}				}
			}
			route @switchyard_share {
				header X-Deployment-Slot {switchyard_other}
${indented(proxy('{switchyard_other}', '{switchyard_other_upstream}'), 2)}			}
			header X-Deployment-Slot {vars.switchyard_live}
${indented(proxy('{vars.switchyard_live}', '{switchyard_own_upstream}'), 1)}		}
`
}
