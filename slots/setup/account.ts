/** The deploying account, if another account runs the setup: created if absent, with the SSH keys of the account that logged in. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader } from '../../host/sudo.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Facts } from './facts.ts'

export interface Account {
  readonly user: string
  readonly group: string
  /** It does not exist yet. */
  readonly absent: boolean
  /** Lines missing from its `authorized_keys`. */
  readonly keys: readonly string[]
}

/** Prints the owner of the application's folder; nothing if the folder does not exist. */
export const ownerOf = ({ root }: Layout): Script => sh.read`stat -L -c %U ${root} 2>/dev/null || :`

interface AccountRequest {
  /** The deploying account that was named on the command line or in the Taskfile. */
  readonly user: string | undefined
  /** The owner of the application's folder. */
  readonly owner: string | undefined
}

/**
 * The account that a host is set up for: the requested one, else the account we are logged in as. Root without a request continues as the owner of
 * an existing folder.
 * @throws `NOT_OURS` if the folder belongs to another account; `SETUP_AS_ROOT` if the application would run as root without being asked to.
 */
export function deployingUser(
  host: string,
  { root }: Layout,
  { user }: Facts,
  { user: requested, owner }: AccountRequest,
): string {
  const deploying = requested ?? (user === 'root' && owner ? owner : user)
  if (owner !== undefined && owner !== deploying) throw slotFaults.NOT_OURS({ host, root, owner, user: deploying })
  if (deploying === 'root' && owner === undefined && requested !== 'root') throw slotFaults.SETUP_AS_ROOT({ host })
  return deploying
}

/** Only keys without options: a forced command in root's `authorized_keys` would make the account useless. */
const KEY = '^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+'

/** Prints `absent` or the account's group, then each of our keys that the account lacks. */
const inspectAccount = (user: string, root: boolean): Script => sh.read`
keys=$(grep -E ${KEY} ~/.ssh/authorized_keys 2>/dev/null || :)
${asReader(
  root,
  sh.read`
home=$(getent passwd ${user} | cut -d: -f6 || :)
if [ -z "$home" ]; then echo absent; else id -gn ${user}; fi
while read -r kind key comment; do
  if [ -n "$key" ] && ! grep -qsF -- "$kind $key" "$home/.ssh/authorized_keys"; then printf '%s %s %s\\n' "$kind" "$key" "$comment"; fi
done`,
)} <<< "$keys"`

export const accountFor = (user: string, { root }: Facts): Query<Account> =>
  capture(inspectAccount(user, root), text => {
    const [group = '', ...keys] = text.split('\n').map(line => line.trimEnd())
    const absent = group === 'absent'
    return { user, group: absent ? user : group, absent, keys: keys.filter(Boolean) }
  })

/**
 * Runs as root. Creates the account without a password, and adds the keys. The keys are written as that account: root must not follow links that the
 * account controls.
 */
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

/** The lines that describe it in the setup plan. */
export const accountLines = ({ user, absent, keys }: Account): readonly string[] => [
  ...(absent ? [`new user ${user}`] : []),
  ...keys.map(key => `new key of ${user}: ${key.replace(/^(\S+) \S*(\S{12})/, '$1 ...$2')}`),
]
