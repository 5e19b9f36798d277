/** The keys to log in with, from the agent and from files, in the order in which ssh tries them. */

import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { agentOver, type HeldKey } from './agent.ts'
import { blobOf, type Certificate, certificateOf, isCertificate } from './certificate.ts'
import type { SshConfig } from './config.ts'
import { type Attempt, certified, fromAgent, fromFile, type IdentityDeps } from './identity.ts'
import { type KeyFile, keyFile } from './key-file.ts'
import { fingerprint } from './known-hosts.ts'
import { typeOf } from './wire.ts'

export interface Credentials {
  readonly attempts: readonly Attempt[]
  /** The public keys among them, without certificates, as lines of authorized_keys(5). */
  readonly keys: readonly string[]
  /** The keys that could not be tried, each with the reason, for messages. */
  readonly unusable: readonly string[]
  /** The hint for the case that no key is accepted. */
  readonly advice: string
}

export async function credentials(config: SshConfig): Promise<Credentials> {
  const { BaseAgent, createAgent, utils } = (await import('ssh2')).default
  const parse = (data: Buffer | string) => {
    const parsed = utils.parseKey(data)
    return Array.isArray(parsed) ? (parsed[0] as (typeof parsed)[0]) : parsed
  }
  const anyKey = parse(ANY)
  if (anyKey instanceof Error) throw anyKey
  const ssh2Agent = config.agent === undefined ? undefined : createAgent(config.agent)
  const agent = ssh2Agent && agentOver(ssh2Agent)
  const deps: IdentityDeps = { username: config.user, agent, BaseAgent, anyKey }
  const [files, certificates, held] = await Promise.all([
    Promise.all(config.identityFiles.map(async path => (await keyFile(path, parse)) ?? missing(path))),
    Promise.all(config.certificateFiles.map(certificateFile)),
    agent?.keys(),
  ])
  return assemble(
    config,
    deps,
    files.filter(file => file !== undefined),
    certificates,
    held,
  )
}

/** A public key without an owner, see `IdentityDeps.anyKey`. */
const ANY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

interface CertificateFile {
  readonly path: string
  readonly certificate: Certificate | undefined
}

const certificateFile = async (path: string): Promise<CertificateFile> => {
  const blob = blobOf(await readFile(path, 'utf8').catch(() => ''))
  return { path, certificate: blob && certificateOf(blob) }
}

/** `ssh -G` also lists ssh's default key files: one of those that does not exist is not reported. */
const DEFAULTS = ['rsa', 'ecdsa', 'ecdsa_sk', 'ed25519', 'ed25519_sk', 'xmss', 'dsa'].map(name => `id_${name}`)

function missing(path: string): KeyFile | undefined {
  if (DEFAULTS.some(name => path === join(homedir(), '.ssh', name))) return undefined
  return { path, key: undefined, problem: 'is not there', forAgent: false, public: undefined, certificate: undefined }
}

/** Order as in ssh(1): certificates, the agent's keys that the configuration names, its other keys, keys in files. */
function assemble(
  config: SshConfig,
  deps: IdentityDeps,
  files: readonly KeyFile[],
  certificateFiles: readonly CertificateFile[],
  held: readonly HeldKey[] | undefined,
): Credentials {
  const keys = (held ?? []).filter(({ blob }) => !isCertificate(blob))
  const holds = (wanted: Buffer | undefined) => wanted !== undefined && keys.some(({ blob }) => blob.equals(wanted))
  const fileOf = (blob: Buffer) => files.find(file => file.public?.equals(blob))
  const agentLabel = ({ blob, comment }: HeldKey) => {
    const file = fileOf(blob)
    return file
      ? `key ${tilde(file.path)} (in the agent)`
      : `key ${comment || fingerprint(blob.toString('base64'))} of the agent`
  }
  const ours = keys.filter(({ blob }) => fileOf(blob))
  const others = config.identitiesOnly ? [] : keys.filter(({ blob }) => !fileOf(blob))

  const unusable: string[] = []
  const attempts: Attempt[] = []
  const addCertificate = (label: string, { blob, key, problem }: Certificate) => {
    const file = files.find(file => file.public?.equals(key))
    if (problem !== undefined) unusable.push(`${label} (${problem})`)
    else if (holds(key)) attempts.push(fromAgent(deps, label, blob, key))
    else if (file?.key) attempts.push(certified(deps, label, blob, file))
    else unusable.push(`${label} (its private key is neither here nor in the agent)`)
  }
  for (const { path, certificate } of certificateFiles)
    if (certificate) addCertificate(`certificate ${tilde(path)}`, certificate)
    else unusable.push(`certificate ${tilde(path)} (is not there, or is damaged)`)
  for (const { path, certificate } of files)
    if (certificate) addCertificate(`certificate ${tilde(path)}-cert.pub`, certificate)
  for (const { blob, comment } of (held ?? []).filter(({ blob }) => isCertificate(blob))) {
    const problem = certificateOf(blob)?.problem
    const label = `certificate ${comment} of the agent`
    if (problem !== undefined) unusable.push(`${label} (${problem})`)
    else if (!config.identitiesOnly || fileOf(certificateOf(blob)?.key ?? blob))
      attempts.push(fromAgent(deps, label, blob))
  }
  for (const key of [...ours, ...others]) attempts.push(fromAgent(deps, agentLabel(key), key.blob))
  for (const file of files) {
    if (holds(file.public)) continue
    const label = `key ${tilde(file.path)}`
    if (file.key) attempts.push(fromFile(deps, label, file.key))
    else unusable.push(`${label} (${file.problem})`)
  }
  if (deps.agent !== undefined) {
    if (held === undefined) unusable.push('agent (does not respond)')
    else if (ours.length + others.length === 0)
      unusable.push(`agent (holds ${held.length === 0 ? 'no key' : 'none of these keys'})`)
  }
  if (config.pkcs11 !== undefined)
    unusable.push(`PKCS#11 provider ${config.pkcs11} (only through the agent: ssh-add -s ${config.pkcs11})`)
  const locked = files.find(file => file.forAgent && !holds(file.public))
  const advice =
    locked === undefined
      ? `Add your public key to ~/.ssh/authorized_keys of ${config.user} on the host, until this works: \`ssh ${config.target} true\`.`
      : `Add the key to your agent: \`ssh-add ${tilde(locked.path)}\`.`
  const inFiles = files.flatMap(({ key }) =>
    key && !holds(key.getPublicSSH()) ? [{ blob: key.getPublicSSH(), comment: key.comment }] : [],
  )
  return { attempts, keys: [...ours, ...others, ...inFiles].map(publicKeyLine), unusable, advice }
}

/** A comment may contain anything, and the line is one line. */
const publicKeyLine = ({ blob, comment }: HeldKey): string =>
  `${typeOf(blob)} ${blob.toString('base64')} ${comment.replace(/\p{C}+/gu, ' ')}`.trimEnd()

const tilde = (path: string): string => (path.startsWith(`${homedir()}/`) ? `~${path.slice(homedir().length)}` : path)
