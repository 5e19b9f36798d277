/** The contents of an artifact. Read lazily and only once, since both the preflight checks and the upload need them. */
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Artifact } from '../contracts.ts'
import { digestOf, type FileItem, HINT, type Manifest, manifestText, readManifest } from './manifest.ts'
import { type Pack, packOf } from './pack.ts'

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
  /** The manifest as hosts get it: a line with its packed length and the digest of the full one, then the packed text. */
  packedManifest(): Promise<Buffer>
  /** A `.tar.gz` of these files; the same one for all hosts that lack the same files. */
  pack(files: readonly FileItem[]): Pack
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
  let sent: Promise<Buffer> | undefined
  const pack = async () => {
    const items = await manifest()
    const packed = await promisify(gzip)(manifestText(items, HINT), { level: 9 })
    return Buffer.concat([Buffer.from(`${packed.length} ${digestOf(items)}\n`), packed])
  }
  const packs = new Map<string, Pack>()
  return {
    manifest,
    packedManifest() {
      sent ??= pack()
      return sent
    },
    pack(files) {
      const key = files.map(({ position }) => position).join(' ')
      const found = packs.get(key) ?? packOf(path, files, () => packs.delete(key))
      packs.set(key, found)
      return found
    },
    diskUsage: async () => {
      const items = await manifest().catch(() => undefined)
      return items && { packed: (await stat(path)).size, unpacked: unpackedSize(items), entries: items.length }
    },
  }
}

const unpackedSize = (items: Manifest): number =>
  items.reduce((sum, item) => sum + Math.max(1, Math.ceil((item.type === 'file' ? item.size : 0) / BLOCK)) * BLOCK, 0)
