/** Whether a server is the one that we mean, from what known_hosts says and from what a person says. */
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

/** What the files hold for a server. */
export interface Knowledge {
  readonly name: string
  readonly keys: readonly KnownKey[]
  readonly withoutPort: readonly KnownKey[]
}

export async function knowledge(config: SshConfig): Promise<Knowledge> {
  const files = [...config.userKnownHosts, ...config.globalKnownHosts]
  const name = knownName(config)
  const [keys, withoutPort] = await Promise.all([
    knownKeys(name, files),
    name === config.knownAs ? [] : knownKeys(config.knownAs, files),
  ])
  return { name, keys, withoutPort }
}

export const question = (name: string, { type, fingerprint }: ShownKey): string =>
  `The host key of ${name} is not known. It shows ${type} ${fingerprint}. Is that the machine's own key?`

export function unknownKey(config: SshConfig, known: Knowledge, shown: ShownKey): Fault {
  const authority = known.keys.some(it => it.marker === 'cert-authority')
  return hostFaults.HOST_KEY_UNKNOWN({
    name: known.name,
    type: shown.type,
    fingerprint: shown.fingerprint,
    line: knownLine(known.name, shown, false),
    file: config.userKnownHosts[0] ?? '~/.ssh/known_hosts',
    note: authority ? ' (known_hosts has a certificate authority for it, which is not supported)' : '',
  })
}

/** What speaks against a key, if anything. */
export function verdict(
  config: SshConfig,
  known: Knowledge,
  shown: ShownKey,
): Fault | { readonly unknown: ShownKey } | undefined {
  const found = verifyHostKey(shown, known.keys, known.withoutPort)
  const about = { name: known.name, type: shown.type, fingerprint: shown.fingerprint }
  if (found.is === 'known') return undefined
  if (found.is === 'unknown') return { unknown: shown }
  if (found.is === 'revoked')
    return hostFaults.HOST_KEY_REVOKED({ ...about, where: `${found.by.file} line ${found.by.line}` })
  return hostFaults.HOST_KEY_CHANGED({
    ...about,
    known: found.known.map(it => `${it.type} ${fingerprint(it.key)}`).join(', '),
    remove: `ssh-keygen -R '${known.name}' -f ${found.known[0]?.file ?? config.userKnownHosts[0]}`,
  })
}
