/** Checks the host key of a server against known_hosts; builds the confirmation and the faults. */
import type { Fault } from '../../runner/fault.ts'
import { hostFaults } from '../faults.ts'
import type { SshConfig } from './config.ts'
import {
  fingerprint,
  type KnownKey,
  knownKeys,
  knownLine,
  knownName,
  type ShownKey,
  verifyHostKey,
} from './known-hosts.ts'

/** The entries of the known_hosts files for a server. */
export interface KnownHost {
  readonly name: string
  readonly keys: readonly KnownKey[]
  /** Entries for the same name without its port. */
  readonly withoutPort: readonly KnownKey[]
}

export async function knownHost(config: SshConfig): Promise<KnownHost> {
  const files = [...config.userKnownHosts, ...config.globalKnownHosts]
  const name = knownName(config)
  const [keys, withoutPort] = await Promise.all([
    knownKeys(name, files),
    name === config.knownAs ? [] : knownKeys(config.knownAs, files),
  ])
  return { name, keys, withoutPort }
}

export const hostKeyQuestion = (name: string, { type, fingerprint }: ShownKey): string =>
  `The host key of ${name} is not known. It presents ${type} ${fingerprint}. Is that the key of the machine?`

export function unknownKey(config: SshConfig, known: KnownHost, shown: ShownKey): Fault {
  const authority = known.keys.some(entry => entry.marker === 'cert-authority')
  return hostFaults.HOST_KEY_UNKNOWN({
    name: known.name,
    type: shown.type,
    fingerprint: shown.fingerprint,
    line: knownLine(known.name, shown, false),
    file: config.userKnownHosts[0] ?? '~/.ssh/known_hosts',
    note: authority ? ' (known_hosts has a certificate authority for it, which is not supported)' : '',
  })
}

/** Undefined if the key is known; else the fault, or the key if it is unknown. */
export function checkHostKey(
  config: SshConfig,
  known: KnownHost,
  shown: ShownKey,
): Fault | { readonly unknown: ShownKey } | undefined {
  const found = verifyHostKey(shown, known.keys, known.withoutPort)
  const key = { name: known.name, type: shown.type, fingerprint: shown.fingerprint }
  if (found.is === 'known') return undefined
  if (found.is === 'unknown') return { unknown: shown }
  if (found.is === 'revoked')
    return hostFaults.HOST_KEY_REVOKED({ ...key, where: `${found.by.file} line ${found.by.line}` })
  return hostFaults.HOST_KEY_CHANGED({
    ...key,
    known: found.known.map(entry => `${entry.type} ${fingerprint(entry.key)}`).join(', '),
    remove: `ssh-keygen -R '${known.name}' -f ${found.known[0]?.file ?? config.userKnownHosts[0]}`,
  })
}
