/** Brings a release to the nodes: through the team's registry, or straight into the engine of each node. */
import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EXIT } from '../host/exit-codes.ts'
import type { Host, HostSetting, Transport } from '../host/host.ts'
import { program } from '../host/program.ts'
import { commandFailed, type Query } from '../host/query.ts'
import { type Script, sh } from '../host/script.ts'
import { ssh } from '../host/ssh/transport.ts'
import { isFault } from '../runner/fault.ts'
import { bytes, lastLine } from '../runner/units.ts'
import type { Artifact } from '../slots/contracts.ts'
import { validateName } from '../slots/names.ts'
import type { Node } from './cluster.ts'
import type { AnySwarmDefinition, PublishedImage } from './definition.ts'
import { swarmFaults } from './faults.ts'
import { type ImageFiles, lacking, layersThere, packPart, readImage } from './layers.ts'
import type { ImageRelease } from './service.ts'

/** @param file where the artifact is, or what the engine lacks of it; empty if it lacks nothing */
export const takeImage = (file: string, image: string, target: string): Script =>
  program(new URL('./take-image.sh', import.meta.url), {
    writes: true,
    parameters: { file, image, target, ...EXIT.image },
  })

const takes = (file: string, image: string, target: string): Query<string> => {
  const label = target === '' ? 'docker load' : `docker push ${target}`
  const script: Script = { ...takeImage(file, image, target), label }
  return {
    script,
    read(output, host) {
      const { code, stdout, stderr } = output
      if (code === EXIT.image.imageRefused)
        throw swarmFaults.IMAGE_NOT_LOADED({ host: host.name, output: stderr.trim() })
      if (code === EXIT.image.registryFailed)
        throw swarmFaults.REGISTRY_FAILED({ host: host.name, image: target, why: causeIn(stderr) })
      if (code !== 0) throw commandFailed(host, script, output)
      return stdout.trim()
    },
  }
}

/** What an engine says last is the cause. */
const causeIn = (text: string): string => lastLine(text).replace(/\.$/, '')

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
  log(line: string): void
}

/**
 * Sends to the manager, or without a registry to each node, those layers of an image that its engine lacks.
 *
 * @throws IMAGE_NOT_LOADED, REGISTRY_FAILED, and the faults of connecting to a node
 */
export async function sendImage(sending: Sending, artifact: Artifact): Promise<ImageRelease> {
  const { registry, host, setting } = sending
  const name = releaseNameOf(artifact)
  const { version, revision } = artifact
  const release = { name, version, local: registry === undefined, ...(revision && { revision }) }
  const image = await readImage(artifact.path, setting.signal)
  const work = await mkdtemp(join(dirname(artifact.path), '.part-'))
  const packed = new Map<number, Promise<string>>()
  // Nodes that lack the same layers get the same file.
  const part = (there: number, positions: ReadonlyMap<number, string>) => {
    const path = join(work, `${there}.tar.gz`)
    const made = packed.get(there) ?? packPart(artifact.path, positions, path).then(() => path)
    packed.set(there, made)
    return made
  }
  const give = (to: Host, node: string, target: string) =>
    giveImage(to, { ...sending, node, target, image, artifact, part, file: fileOf(sending.app, name) })
  try {
    if (registry !== undefined) {
      const target = `${registry}:${name.replaceAll('+', '_')}`
      return { ...release, image: await give(host, host.name, target) }
    }
    const images = await Promise.all(
      sending.targets.map(async node => {
        if (node.id === sending.here) return give(host, node.name, '')
        await using other = await (await nodeTransport(sending, node)).open(setting)
        return await give(other, node.name, '')
      }),
    )
    return { ...release, image: images[0] ?? '' }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

interface Giving extends Pick<Sending, 'log'> {
  readonly node: string
  /** The name in the registry, or empty. */
  readonly target: string
  readonly image: ImageFiles
  readonly artifact: Artifact
  /** Where it is put, on the host. */
  readonly file: string
  /** A file with a part of the artifact, for an engine that has as many layers. */
  part(there: number, positions: ReadonlyMap<number, string>): Promise<string>
}

async function giveImage(host: Host, { node, target, image, artifact, file, part, log }: Giving): Promise<string> {
  const there = await host.query(layersThere(image))
  if (there === undefined) {
    log(`${node} has the image`)
    return host.query(takes('', image.name, target))
  }
  if (there > 0) {
    const { positions, bytes: size } = lacking(image, there)
    log(`${node} lacks ${image.layers.length - there} of ${image.layers.length} layers, ${bytes(size)}`)
    await host.put(await part(there, positions), file)
    try {
      return await host.query(takes(file, image.name, target))
    } catch (error) {
      // Its engine keeps images in another way, or has lost the layers since: it gets all of them.
      if (!isFault(error) || error.code !== 'IMAGE_NOT_LOADED') throw error
    }
  }
  log(`${node} gets all ${image.layers.length} layers`)
  await host.put(artifact.path, file)
  return host.query(takes(file, image.name, target))
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
      if (code !== 0) throw swarmFaults.REGISTRY_FAILED({ host: host.name, image: name, why: causeIn(stderr) })
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
