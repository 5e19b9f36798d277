/** The files of an application in HAProxy, beside the host's own configuration, which stays as it is. */
import { posix } from 'node:path'
import type { HostFacts, HostFile, Slot } from '../../../slots/contracts.ts'
import { type Listener, listening } from '../nginx/listen.ts'
import { NOBODY } from '../site-request.ts'

export interface Application {
  readonly app: string
  readonly site: string
  readonly slots: readonly Pick<Slot, 'name' | 'port'>[]
  /** The folder of the deploying user that holds the route. */
  readonly router: string
  /** Entries of the option `listen`; empty where a frontend of the user's own sends the traffic. */
  readonly listen: readonly string[]
  /** The host's main file. */
  readonly config: string
}

/** haproxy is started with this folder too: it reads each `.cfg` in it. */
export const FOLDER = '/etc/haproxy/switchyard'
/** Adds the folder to what the unit starts haproxy with. */
export const DROP_IN = '/etc/systemd/system/haproxy.service.d/switchyard.conf'

export const mapPath = (router: string): string => posix.join(router, 'live.map')
export const backendPath = (app: string): string => `${FOLDER}/${app}.cfg`
/** Where the deploying user talks to the process that runs. */
export const socketPath = (app: string): string => `/run/haproxy/switchyard-${app}.sock`
/** The name is made of the site's: so a frontend finds the backend of each application, whoever it belongs to. */
export const backendName = (site: string): string => `switchyard-${site.toLowerCase()}`

const frontendName = (entry: string) =>
  `switchyard-${entry.replace('*', 'ipv4').replace('[::]', 'ipv6').replace(/[[\]]/g, '').replaceAll(':', '-')}`
export const frontendPath = (entry: string): string => `${FOLDER}/${frontendName(entry)}.cfg`

/** What the configuration test reads. */
export const testOf = (config: string): readonly string[] => ['/usr/sbin/haproxy', '-c', '-f', config, '-f', FOLDER]

export function files(application: Application, facts: HostFacts): readonly HostFile[] {
  return [
    { path: DROP_IN, text: dropIn(application.config), mode: 0o644 },
    { path: backendPath(application.app), text: backend(application, facts), mode: 0o644 },
    ...application.listen.map(entry => ({
      path: frontendPath(entry),
      text: frontend(entry),
      mode: 0o644,
      edits,
    })),
  ]
}

const dropIn = (
  config: string,
) => `# Made by \`task setup\` of switchyard: haproxy reads its applications in addition to ${config}.
[Service]
Environment="CONFIG=${config} -f ${FOLDER}"
`

/** One for each address, the same for all applications that listen there. */
function frontend(entry: string): string {
  const binds = listening(entry).listeners.map(listener => `    bind ${bindOf(listener)}\n`)
  return `# Made by \`task setup\` of switchyard: the frontend of all its applications that listen here. What you add stays, such as a \`bind\` line
# with your certificate. A request for a name that none of them has is answered with 503.
frontend ${frontendName(entry)}
    mode http
${binds.join('')}    timeout client 1m
    timeout http-request 1m
    timeout http-keep-alive 75s
    use_backend ${backendName('')}%[req.hdr(host),host_only,lower]
`
}

const bindOf = ({ address, port }: Listener) => `${address}:${port}${address.startsWith('[') ? ' v6only' : ''}`

/** Certificates, redirects and whatever else people add to a frontend are theirs. */
const edits: NonNullable<HostFile['edits']> = {
  ours: line =>
    /^(?:frontend switchyard-\S+|mode http|bind \S+(?: v6only)?|timeout \S+ \S+|use_backend switchyard-%\[\S+\])$/.test(
      line,
    ),
  // A machine may have no IPv6, and a timeout may be another.
  satisfied: (line, theirs) =>
    line.startsWith('bind [::]:') ||
    (line.startsWith('timeout ') && theirs.some(other => other.startsWith(line.replace(/\S+$/, '')))),
}

function backend({ app, site, slots, router }: Application, { user, group }: HostFacts): string {
  const map = mapPath(router)
  const names = slots.map(({ name }) => name).join(' ')
  const uses = slots.map(({ name }) => `    use-server ${name} if { var(txn.switchyard_slot) -m str ${name} }\n`)
  const servers = slots.map(({ name, port }) => `    server ${name} 127.0.0.1:${port}\n`)
  return `# ${app}, made by \`task setup\` of switchyard. Which slot is live stands in one line of a file, \`live <slot>.<generation>\` or \`live none\`.
# haproxy reads it when it starts; \`task promote\` writes it, then tells the running process through the socket: nothing is reloaded.
global
    stats socket ${socketPath(app)} user ${user} group ${group} mode 600 level operator

backend ${backendName(site)}
    mode http
    # A connection to a slot carries one request, and no request is repeated: nobody answers in the place of the live slot.
    option http-server-close
    http-reuse never
    retries 0
    no option redispatch
    timeout connect 5s
    timeout queue 5s
    # How long the slot may be silent, and both sides of a WebSocket: the application knows which is which.
    timeout server 1h
    timeout tunnel 1h

    # Slot and generation come from one look, so they always belong together.
    http-request set-var(txn.switchyard) str(live),map(${map})
    http-request set-var(txn.switchyard_slot) var(txn.switchyard),field(1,.)
    http-request set-var(txn.switchyard_generation) var(txn.switchyard),field(2,.,0)
    http-request return status 503 content-type text/plain string "${NOBODY}\\n" hdr Cache-Control no-store unless { var(txn.switchyard_slot) -m str ${names} }
    http-request return status 200 content-type text/plain lf-string "%[var(txn.switchyard_slot)]\\n" hdr X-Deployment-Generation "%[var(txn.switchyard_generation)]" hdr Cache-Control no-store if { path /deployment_id }

    # A client may ask for WebSockets; any other upgrade would be a way around this server, and is not passed on.
    http-request del-header Upgrade unless { req.hdr(upgrade) -i websocket }
    option forwardfor
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }

${uses.join('')}${servers.join('')}`
}
