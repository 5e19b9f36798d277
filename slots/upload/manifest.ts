/**
 * The manifest of a release: every file with its mode, size and sha256, every folder and every link. It is computed from the artifact on this
 * machine; the host verifies the uploaded release against it.
 */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { ReadEntry } from 'tar'
import { EXIT } from '../../host/exit-codes.ts'
import { OUR_NAMES } from '../shared.ts'
import { eachEntry } from './archive.ts'

export type Item =
  | { readonly type: 'folder'; readonly path: string; readonly mode: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | FileItem

export interface FileItem {
  readonly type: 'file'
  readonly path: string
  readonly mode: number
  /** In bytes. */
  readonly size: number
  readonly sha256: string
  /** Index of its entry in the artifact, from 0. */
  readonly position: number
}

/** Sorted by path, so each folder precedes its contents. */
export type Manifest = readonly Item[]

/** The reason why an artifact was refused. `code` is the exit code with which the host's scripts refuse the same. */
export class Refusal extends Error {
  readonly code: number
  constructor(code: number, detail: string) {
    super(detail)
    this.code = code
  }
}

/** @throws {Refusal} if the artifact has an entry that a release may not contain, or is not a complete `.tar.gz`. */
export async function readManifest(artifact: string): Promise<Manifest> {
  const items = new Map<string, Item>()
  let refusal: Refusal | undefined
  const visit = (entry: ReadEntry, position: number) => {
    try {
      addEntry(items, entry, position)
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
  return completed(items)
}

function addEntry(items: Map<string, Item>, entry: ReadEntry, position: number): void {
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
      const linked = items.get(safePath(entry.linkpath ?? '', EXIT.artifact.outsideLink))
      if (linked?.type !== 'file') throw new Refusal(EXIT.artifact.outsideLink, `${path} -> ${entry.linkpath}`)
      set({ ...linked, path })
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

/** A release is immutable: write, setuid and setgid bits are dropped, and the owner can always read. */
const modeOf = (mode = 0o644): number => (mode & 0o555) | 0o400 | ((mode & 0o111) === 0 ? 0 : 0o100)

/** Characters that a line of the manifest cannot hold. U+FFFD: the decoder's replacement for bytes that are not UTF-8. */
const UNWRITABLE = /[\0-\x1f\x7f\ufffd]/

function safePath(name: string, code: number = EXIT.artifact.outsideName): string {
  if (name.startsWith('/') || name.split('/').includes('..')) throw new Refusal(code, name)
  if (UNWRITABLE.test(name)) throw new Refusal(EXIT.artifact.oddName, JSON.stringify(name))
  const path = posix.normalize(name).replace(/\/$/, '')
  if (OUR_NAMES.has(path.split('/')[0] ?? '')) throw new Refusal(EXIT.artifact.ourName, path)
  return path
}

function safeTarget(path: string, target: string): string {
  const resolved = posix.join(posix.dirname(path), target)
  if (target === '' || target.startsWith('/') || resolved === '..' || resolved.startsWith('../'))
    throw new Refusal(EXIT.artifact.outsideLink, `${path} -> ${target}`)
  if (UNWRITABLE.test(target)) throw new Refusal(EXIT.artifact.oddName, JSON.stringify(target))
  return target
}

/** Adds the parent folders that the archive does not name, and refuses entries below a file or a link. */
function completed(items: Map<string, Item>): Manifest {
  for (const path of [...items.keys()]) {
    for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent)) {
      const item = items.get(parent)
      if (item === undefined) items.set(parent, { type: 'folder', path: parent, mode: 0o555 })
      else if (item.type !== 'folder')
        throw new Refusal(EXIT.artifact.outsideLink, `${path} is below ${parent}, which is not a folder`)
    }
  }
  return [...items.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Digits of each sha256 that are uploaded: enough to identify a file. The release is verified by the digest of the full manifest. */
export const HINT = 12

/**
 * One line per item with tab-separated fields: type (f, d, l), octal mode, size, sha256 or its first digits, path, target of a link.
 * The host parses it with awk, and stores it with full sha256 sums.
 */
export const manifestText = (manifest: Manifest, digits = 64): string =>
  manifest
    .map(item => {
      if (item.type === 'folder') return `d\t${octal(item.mode)}\t-\t-\t${item.path}\n`
      if (item.type === 'link') return `l\t-\t-\t-\t${item.path}\t${item.target}\n`
      return `f\t${octal(item.mode)}\t${item.size}\t${item.sha256.slice(0, digits)}\t${item.path}\n`
    })
    .join('')

/** sha256 of the full manifest's text: equal for releases with the same content. */
export const digestOf = (manifest: Manifest): string =>
  createHash('sha256').update(manifestText(manifest)).digest('hex')

const octal = (mode: number): string => mode.toString(8)

export const sizeOf = (items: Iterable<Item>): number => {
  let bytes = 0
  for (const item of items) if (item.type === 'file') bytes += item.size
  return bytes
}
