/**
 * What a release consists of: each file with its mode, size and sha256, each folder and each link. Made from an artifact on
 * this machine, and the measure for what stands on the host in the end.
 */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { ReadEntry } from 'tar'
import { EXIT } from '../../host/exit-codes.ts'
import { eachEntry } from './archive.ts'

export type Item =
  | { readonly type: 'folder'; readonly path: string; readonly mode: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | FileItem

export interface FileItem {
  readonly type: 'file'
  readonly path: string
  readonly mode: number
  /** Bytes. */
  readonly size: number
  readonly sha256: string
  /** Which entry of the artifact holds it, from 0. */
  readonly position: number
}

/** By path, sorted; every folder stands before what is in it. */
export type Manifest = readonly Item[]

/** Why an artifact was refused, as an error whose `code` is the exit status with which the host refuses the same. */
export class Refusal extends Error {
  readonly code: number
  constructor(code: number, detail: string) {
    super(detail)
    this.code = code
  }
}

/** Where the record, the manifest and what an upload needs stand in a release. */
const OURS = new Set(['release.json', '.manifest', '.upload'])

/** Reads every entry. Rejects with a `Refusal` when the artifact holds what no release may hold, or is no whole `.tar.gz`. */
export async function readManifest(artifact: string): Promise<Manifest> {
  const items = new Map<string, Item>()
  let refusal: Refusal | undefined
  const visit = (entry: ReadEntry, position: number) => {
    try {
      take(items, entry, position)
    } catch (error) {
      refusal ??= error as Refusal
      entry.resume()
    }
  }
  try {
    await eachEntry(artifact, visit)
  } catch (error) {
    throw refusal ?? new Refusal(EXIT.artifact.noArchive, (error as Error).message)
  }
  if (refusal !== undefined) throw refusal
  return whole(items)
}

function take(items: Map<string, Item>, entry: ReadEntry, position: number): void {
  const path = safePath(entry.path)
  const set = (item: Item) => void items.set(path, item)
  const mode = modeOf(entry.mode)
  switch (entry.type) {
    case 'Directory':
    case 'GNUDumpDir':
      if (path !== '.') set({ type: 'folder', path, mode: mode | 0o500 })
      return void entry.resume()
    case 'SymbolicLink':
      set({ type: 'link', path, target: safeTarget(path, entry.linkpath ?? '') })
      return void entry.resume()
    case 'Link': {
      const of = items.get(safePath(entry.linkpath ?? '', EXIT.artifact.outsideLink))
      if (of?.type !== 'file') throw new Refusal(EXIT.artifact.outsideLink, `${path} -> ${entry.linkpath}`)
      set({ ...of, path })
      return void entry.resume()
    }
    case 'File':
    case 'OldFile':
    case 'ContiguousFile': {
      const { size } = entry
      const hash = createHash('sha256')
      entry.on('data', chunk => hash.update(chunk))
      entry.on('end', () => set({ type: 'file', path, mode, size, sha256: hash.digest('hex'), position }))
      return
    }
    default:
      throw new Refusal(EXIT.artifact.oddFile, `${path}: ${entry.type}`)
  }
}

/** As the owner can always read it, and nobody write: a release never changes. A bit that changes the user is not kept. */
const modeOf = (mode = 0o644): number => (mode & 0o555) | 0o400 | ((mode & 0o111) === 0 ? 0 : 0o100)

/** What no line of a manifest can hold; U+FFFD stands for bytes that are no UTF-8. */
const UNWRITABLE = /[\0-\x1f\x7f\ufffd]/

function safePath(name: string, code: number = EXIT.artifact.outsideName): string {
  if (name.startsWith('/') || name.split('/').includes('..')) throw new Refusal(code, name)
  if (UNWRITABLE.test(name)) throw new Refusal(EXIT.artifact.oddName, JSON.stringify(name))
  const path = posix.normalize(name).replace(/\/$/, '')
  if (OURS.has(path.split('/')[0] ?? '')) throw new Refusal(EXIT.artifact.ourName, path)
  return path
}

function safeTarget(path: string, target: string): string {
  const end = posix.join(posix.dirname(path), target)
  if (target === '' || target.startsWith('/') || end === '..' || end.startsWith('../'))
    throw new Refusal(EXIT.artifact.outsideLink, `${path} -> ${target}`)
  if (UNWRITABLE.test(target)) throw new Refusal(EXIT.artifact.oddName, JSON.stringify(target))
  return target
}

/** With the folders that the archive does not name. What would stand below a file or a link is refused. */
function whole(items: Map<string, Item>): Manifest {
  for (const path of [...items.keys()]) {
    for (let above = posix.dirname(path); above !== '.'; above = posix.dirname(above)) {
      const there = items.get(above)
      if (there === undefined) items.set(above, { type: 'folder', path: above, mode: 0o555 })
      else if (there.type !== 'folder')
        throw new Refusal(EXIT.artifact.outsideLink, `${path} is below ${above}, which is no folder`)
    }
  }
  return [...items.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** How many digits of a sha256 travel: enough to find a file by. The digest of the whole manifest is what counts in the end. */
export const HINT = 12

/**
 * One line an item, its fields between tabs: type (f, d, l), mode, size, sha256 or its first digits, path, and where a link
 * points. The host reads it with awk, and writes it with the full sha256 of what stands there.
 */
export const manifestText = (manifest: Manifest, digits = 64): string =>
  manifest
    .map(item => {
      if (item.type === 'folder') return `d\t${octal(item.mode)}\t-\t-\t${item.path}\n`
      if (item.type === 'link') return `l\t-\t-\t-\t${item.path}\t${item.target}\n`
      return `f\t${octal(item.mode)}\t${item.size}\t${item.sha256.slice(0, digits)}\t${item.path}\n`
    })
    .join('')

/** sha256 of the manifest's text: two releases with the same one have the same content. */
export const digestOf = (manifest: Manifest): string =>
  createHash('sha256').update(manifestText(manifest)).digest('hex')

const octal = (mode: number): string => mode.toString(8)

export const sizeOf = (items: Iterable<Item>): number => {
  let bytes = 0
  for (const item of items) if (item.type === 'file') bytes += item.size
  return bytes
}
