/**
 * The hosts of a slot, if it has several. A backend of HAProxy can choose one server by a rule, but balances only over all of them. So the server of such a
 * slot is a socket of HAProxy itself, behind which a section balances over the hosts.
 */

import { hostPart, type Slot } from '../shared.ts'

type Pooled = Pick<Slot, 'name' | 'port' | 'pool'>

/** An abstract socket, because the process may be in a chroot. */
export const poolAddress = (app: string, { name }: Pick<Slot, 'name'>): string => `abns@switchyard-${app}-${name}`

/**
 * No name here begins as those of the backends that a `Host` header chooses. The second servers are for the moments in which the checks have not yet seen
 * that a slot was started: HAProxy uses them only while each of the first ones is down, and does not check them.
 */
export function poolSections({
  app,
  slots,
}: {
  readonly app: string
  readonly slots: readonly Pooled[]
}): readonly string[] {
  return slots.flatMap(({ name, port, pool }) => {
    if (!pool) return []
    const server = (address: string, i: number, more: string) =>
      `    server ${name}-${i + 1}${more === CHECKED ? '' : '-unchecked'} ${hostPart(address)}:${port}${more}\n`
    return [
      `# The hosts of ${name}. A slot that is not live may be stopped, so nothing is logged about its hosts.
listen switchyard_pool-${app}-${name}
    bind ${poolAddress(app, { name })}
    mode http
    no log
    balance roundrobin
    option http-server-close
    http-reuse never
    # Another host takes over if a connection fails, when nothing of the request was sent. A request that only reads is also sent again if the connection
    # ends without an answer, as when the application stops.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method ${REPEATABLE} }
    # A host that is gone ends no connection, so the kernel asks: after 5 s without a sign of life the requests that wait for it go to another one, and its
    # WebSockets are closed. Not \`tcp-ut\`, which would also cut off an upload to an application that reads it slowly.
    option srvtcpka
    srvtcpka-idle 2s
    srvtcpka-intvl 1s
    srvtcpka-cnt 3
    option allbackups
    timeout connect 2s
    timeout queue 5s
    timeout check 1s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
${pool.map((address, i) => server(address, i, CHECKED)).join('')}${pool.map((address, i) => server(address, i, ' backup')).join('')}`,
    ]
  })
}

/** The safe methods of HTTP: the application may have handled a request that is sent again. */
const REPEATABLE = 'GET HEAD OPTIONS'

/** By a connection each second, and by the requests themselves. */
const CHECKED = ' check inter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down'
