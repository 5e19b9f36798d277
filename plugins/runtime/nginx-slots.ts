/**
 * nginx as the server of the slots: a server block for each, on the slot's port on loopback. So the router, the health check and the proofs of a switch are
 * the same as for an application that listens on its port.
 */
import type { HostFile, Provision } from '../../slots/contracts.ts'
import { defaultPaths, enable, forget, programOf } from '../router/nginx/site.ts'
import { plainWord } from '../router/nginx/templates.ts'

export const NGINX = programOf()

/** The unit for `Runtime.server`. */
export const NGINX_UNIT = `${NGINX.service}.service`

/** The file with the server blocks of an application: the same for all runtimes, so that another runtime replaces it. */
export const slotsFile = (app: string): string =>
  `${defaultPaths(plainWord('application name', app)).folder}/${app}.slots.conf`

/** The possible paths of the link to it. */
export const slotsLinks = (app: string): readonly string[] =>
  defaultPaths(app).enabled.map(besides => besides.replace(/\.conf$/, '.slots.conf'))

/** What installs the server blocks: `text` has one for each slot. */
export function slotServers(app: string, text: string): Provision {
  const path = slotsFile(app)
  const file: HostFile = { path, text: text.replace(/^ +\n/gm, ''), mode: 0o644 }
  const enabled = slotsLinks(app)
  return {
    tools: { [NGINX.path]: 'nginx' },
    files: [file],
    folders: [],
    sudo: [],
    apply: [enable({ program: NGINX, target: path, enabled, lenient: [] })],
    unapply: [forget(NGINX)],
    links: [enabled],
  }
}
