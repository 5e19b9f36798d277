/** Brings a release to the nodes: through the team's registry, or straight into the engine of each node. */
import { EXIT } from '../host/exit-codes.ts'
import type { Host, HostSetting, Transport } from '../host/host.ts'
import { program } from '../host/program.ts'
import { commandFailed, type Query } from '../host/query.ts'
import { type Script, sh } from '../host/script.ts'
import { ssh } from '../host/ssh/transport.ts'
import type { Artifact } from '../slots/contracts.ts'
import { validateName } from '../slots/names.ts'
import type { Node } from './cluster.ts'
import type { AnySwarmDefinition, PublishedImage } from './definition.ts'
import { swarmFaults } from './faults.ts'
import type { ImageRelease } from './service.ts'

export const takeImage = (file: string, target: string): Script =>
  program(new URL('./take-image.sh', import.meta.url), { writes: true, parameters: { file, target, ...EXIT.image } })

const takes = (file: string, target: string): Query<string> => {
  const script: Script = { ...takeImage(file, target), label: target === '' ? 'docker load' : `docker push ${target}` }
  return {
    script,
    read(output, host) {
      const { code, stdout, stderr } = output
      if (code === EXIT.image.imageRefused)
        throw swarmFaults.IMAGE_NOT_LOADED({ host: host.name, output: stderr.trim() })
      if (code === EXIT.image.registryFailed)
        throw swarmFaults.REGISTRY_FAILED({ host: host.name, image: target, why: lastLine(stderr) })
      if (code !== 0) throw commandFailed(host, script, output)
      return stdout.trim()
    },
  }
}

/** What an engine says last is the cause. */
const lastLine = (text: string): string =>
  (text.trim().split('\n').at(-1) ?? '').replace(/\.$/, '') || 'no reason was given'

/** The name of the artifact in the home folder of the deploying user. */
const fileOf = (app: string, release: string) => `.switchyard-${app}-${release}.tar.gz`

/** The name of the release of an artifact, as on a host. */
export const releaseNameOf = ({ version, sha256 }: Pick<Artifact, 'version' | 'sha256'>): string =>
  `${validateName('version', version)}-${sha256.slice(0, 7)}`

interface Sending extends Pick<AnySwarmDefinition, 'app' | 'registry' | 'nodes'> {
  readonly host: Host
  /** The nodes that tasks may run on, and which of them is the manager that we talk to. */
  readonly targets: readonly Node[]
  readonly here: string
  readonly setting: HostSetting
}

/** @throws IMAGE_NOT_LOADED, REGISTRY_FAILED, and the faults of connecting to a node */
export async function sendImage(sending: Sending, artifact: Artifact): Promise<ImageRelease> {
  const { app, registry, host } = sending
  const name = releaseNameOf(artifact)
  const file = fileOf(app, name)
  const release = { name, version: artifact.version, local: registry === undefined }
  if (registry !== undefined) {
    await host.put(artifact.path, file)
    return { ...release, image: await host.query(takes(file, `${registry}:${name.replaceAll('+', '_')}`)) }
  }
  const images = await Promise.all(
    sending.targets.map(async node => {
      if (node.id === sending.here) return putAndTake(host, artifact, file)
      await using other = await (await nodeTransport(sending, node)).open(sending.setting)
      return await putAndTake(other, artifact, file)
    }),
  )
  return { ...release, image: images[0] ?? '' }
}

async function putAndTake(host: Host, artifact: Artifact, file: string): Promise<string> {
  await host.put(artifact.path, file)
  return host.query(takes(file, ''))
}

/** How a node is reached from here. */
export async function nodeTransport(
  { nodes, host }: Pick<Sending, 'nodes' | 'host'>,
  { name, address }: Node,
): Promise<Transport> {
  if (nodes) return nodes({ name, address })
  const user = await host.account()
  return ssh(user === undefined ? address : `${user}@${address}`)
}

/** Fetches an image that a registry has, so that all nodes get the same one. */
export function pullImage({ name, version }: PublishedImage): Query<ImageRelease> {
  const script: Script = {
    ...sh.write`docker pull --quiet ${name} > /dev/null && docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' ${name}`,
    label: `docker pull ${name}`,
  }
  return {
    script,
    read({ code, stdout, stderr }, host) {
      if (code !== 0) throw swarmFaults.REGISTRY_FAILED({ host: host.name, image: name, why: lastLine(stderr) })
      return published({ name, version }, stdout.trim().split('\n'))
    },
  }
}

/** @param digests `repository@sha256:...` of the image, in any repository */
export function published({ name, version }: PublishedImage, digests: readonly string[]): ImageRelease {
  const repository = name.replace(/@.*$/, '').replace(/:[^:/]+$/, '')
  const image = digests.find(digest => digest.startsWith(`${repository}@`)) ?? digests.find(Boolean) ?? name
  const digest = /@sha256:([0-9a-f]{7})/.exec(image)?.[1] ?? '0000000'
  return { name: `${validateName('version', version)}-${digest}`, version, image, local: false }
}
