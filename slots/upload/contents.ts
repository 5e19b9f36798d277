/** The contents of an artifact. Read lazily and only once, since both the preflight checks and the upload need them. */
import { stat } from 'node:fs/promises'
import type { Artifact } from '../contracts.ts'
import { type Manifest, readManifest } from './manifest.ts'

export interface DiskUsage {
  /** Size of the packed file, in bytes. */
  readonly packed: number
  /** Size when unpacked, in bytes, with each file rounded up to blocks of 4 KiB. */
  readonly unpacked: number
  /** Number of files, folders and links. */
  readonly entries: number
}

export interface Contents {
  /** @throws {Refusal} if the artifact has an entry that a release may not contain, or is not a `.tar.gz`. */
  manifest(): Promise<Manifest>
  /** The disk space that the upload needs on a host; undefined if the artifact cannot be read on this machine. */
  diskUsage(): Promise<DiskUsage | undefined>
}

const BLOCK = 4096

const known = new WeakMap<Pick<Artifact, 'path'>, Contents>()

/** The contents of an artifact; the same ones each time, since several hosts may need them. */
export function contentsOf(artifact: Pick<Artifact, 'path'>): Contents {
  const contents = known.get(artifact) ?? reading(artifact)
  known.set(artifact, contents)
  return contents
}

function reading({ path }: Pick<Artifact, 'path'>): Contents {
  let read: Promise<Manifest> | undefined
  const manifest = () => {
    read ??= readManifest(path)
    return read
  }
  return {
    manifest,
    diskUsage: async () => {
      const items = await manifest().catch(() => undefined)
      return items && { packed: (await stat(path)).size, unpacked: unpackedSize(items), entries: items.length }
    },
  }
}

const unpackedSize = (items: Manifest): number =>
  items.reduce((sum, item) => sum + Math.max(1, Math.ceil((item.type === 'file' ? item.size : 0) / BLOCK)) * BLOCK, 0)
