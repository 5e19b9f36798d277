/** The rules of HAProxy's backend for the maintenance of a site, and the maps that they look into. */
import { posix } from 'node:path'

/** The state, and what the page shows. */
export const mapPath = (router: string): string => posix.join(router, 'maintenance.map')
/** The networks that may pass. */
export const allowPath = (router: string): string => posix.join(router, 'maintenance-allow.map')
/** An expression for the value of a key. */
export const look = (router: string, key: string): string => `str(${key}),map(${mapPath(router)})`

/** One lookup decides, unless there is a maintenance. `src_is_local` is the last condition, because it costs system calls. */
export function maintenanceRules(router: string, page: string): string {
  const closed = '{ var(txn.switchyard_closed) -m bool }'
  const pass = `http-request set-var(txn.switchyard_closed) bool(false) if ${closed}`
  const headers = `hdr Retry-After "%[${look(router, 'retry')}]" hdr X-Maintenance on hdr Cache-Control no-store`
  return `    # Maintenance of the site. Always open are what \`task\` asks, which comes from this host itself, and the renewal of certificates. The requests of a
    # proxy on this host come from here too, but name the client: they never pass.
    http-request set-var(txn.switchyard_closed) bool(true) if { ${look(router, 'state')} -m str on } !{ path /deployment_id } !{ path_beg /.well-known/acme-challenge/ } !{ var(txn.switchyard_preview) -m bool }
    ${pass} { src,map_ip(${allowPath(router)}) -m found } !{ src_is_local }
    ${pass} !{ req.fhdr(x-forwarded-for) -m found } { src_is_local }
    http-request return status 503 content-type "text/html; charset=utf-8" lf-file ${page} ${headers} if ${closed}

`
}
