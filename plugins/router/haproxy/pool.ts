/**
 * The hosts of a slot, if it has several. A backend of HAProxy can choose one server by a rule, but balances only over all of them. So the server of such a
 * slot is a socket of HAProxy itself, behind which a section balances over the hosts.
 */

import { hostPart, MEMBER_RULES, type Slot } from '../shared.ts'

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
${MEMBER_RULES}    option allbackups
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

/** By a connection each second, and by the requests themselves. */
const CHECKED = ' check inter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down'
