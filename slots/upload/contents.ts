/** What is in an artifact: read when it is first asked for, and once. The checks before a deploy want to know it, and so does the upload. */
import { stat } from 'node:fs/promises'
import type { Artifact } from '../contracts.ts'
import { type Manifest, readManifest } from './manifest.ts'

export interface Room {
  /** Of the packed file, in bytes. */
  readonly packed: number
  /** Of what comes out, in bytes, each file rounded up to blocks of 4 KiB. */
  readonly unpacked: number
  /** Files, folders and links. */
  readonly entries: number
}

export interface Contents {
  /** Rejects with a `Refusal` when the artifact holds what no release may hold, or is no `.tar.gz`. */
  manifest(): Promise<Manifest>
  /** How much room it takes on a host; undefined when it cannot be read here. */
  room(): Promise<Room | undefined>
}

const BLOCK = 4096

export function contentsOf({ path }: Pick<Artifact, 'path'>): Contents {
  let read: Promise<Manifest> | undefined
  const manifest = () => {
    read ??= readManifest(path)
    return read
  }
  return {
    manifest,
    room: async () => {
      const items = await manifest().catch(() => undefined)
      return items && { packed: (await stat(path)).size, unpacked: unpackedSize(items), entries: items.length }
    },
  }
}

const unpackedSize = (items: Manifest): number =>
  items.reduce((sum, item) => sum + Math.max(1, Math.ceil((item.type === 'file' ? item.size : 0) / BLOCK)) * BLOCK, 0)
