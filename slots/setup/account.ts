/** The account that deploys, where it is another than the one that sets up: made when it is not there, with the keys of the latter. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader } from '../../host/sudo.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Facts } from './facts.ts'

export interface Account {
  readonly user: string
  readonly group: string
  /** It is not there yet. */
  readonly absent: boolean
  /** Lines for its `authorized_keys` that are not there. */
  readonly keys: readonly string[]
}

/** Prints the owner of the application's folder; nothing when that is not there. */
export const ownerOf = ({ root }: Layout): Script => sh.read`stat -L -c %U ${root} 2>/dev/null || :`

interface Wished {
  /** What the person said: the account that deploys. */
  readonly user: string | undefined
  /** Whose folder it is now. */
  readonly owner: string | undefined
}

/**
 * The account for which a host is set up: the one that was asked for, or the one that we are; root, who may do as others, goes on as the owner. Throws
 * `NOT_OURS` when the folder is somebody else's, and `SETUP_AS_ROOT` when the application would run as root and nobody said so.
 */
export function deployingUser(
  host: string,
  { root }: Layout,
  { user }: Facts,
  { user: wished, owner }: Wished,
): string {
  const deploying = wished ?? (user === 'root' && owner ? owner : user)
  if (owner !== undefined && owner !== deploying) throw slotFaults.NOT_OURS({ host, root, owner, user: deploying })
  if (deploying === 'root' && owner === undefined && wished !== 'root') throw slotFaults.SETUP_AS_ROOT({ host })
  return deploying
}

/** Only whole keys, without options: a forced command of root's would make the account useless. */
const KEY = '^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+'

/** Prints `absent` or the group, and each of our keys that the account lacks. */
const standing = (user: string, root: boolean): Script => sh.read`
keys=$(grep -E ${KEY} ~/.ssh/authorized_keys 2>/dev/null || :)
${asReader(
  root,
  sh.read`
home=$(getent passwd ${user} | cut -d: -f6 || :)
if [ -z "$home" ]; then echo absent; else id -gn ${user}; fi
while read -r kind key words; do
  if [ -n "$key" ] && ! grep -qsF -- "$kind $key" "$home/.ssh/authorized_keys"; then printf '%s %s %s\\n' "$kind" "$key" "$words"; fi
done`,
)} <<< "$keys"`

export const accountFor = (user: string, { root }: Facts): Query<Account> =>
  capture(standing(user, root), text => {
    const [group = '', ...keys] = text.split('\n').map(line => line.trimEnd())
    const absent = group === 'absent'
    return { user, group: absent ? user : group, absent, keys: keys.filter(Boolean) }
  })

/** For root: makes the account, which has no password, and lets the keys in. As the account itself, so that a link that it made leads root nowhere. */
export const makeAccount = ({ user, absent, keys }: Account): Script =>
  sh.lines(
    absent ? sh.write`useradd --create-home --shell /bin/bash --password '*' ${user}` : sh.read`:`,
    keys.length === 0
      ? sh.read`:`
      : sh.write`home=$(getent passwd ${user} | cut -d: -f6)
runuser -u ${user} -- bash -eu -c 'umask 077; cd "$1"; shift; mkdir -p .ssh; at=.ssh/authorized_keys
if [ -s "$at" ] && [ -n "$(tail -c 1 "$at")" ]; then echo >> "$at"; fi
printf "%s\\n" "$@" >> "$at"' bash "$home" ${keys}`,
  )

/** What a dry run says of it. */
export const accountLines = ({ user, absent, keys }: Account): readonly string[] => [
  ...(absent ? [`new user ${user}`] : []),
  ...keys.map(key => `new key of ${user}: ${key.replace(/^(\S+) \S*(\S{12})/, '$1 ...$2')}`),
]
