/** The folder of an application, as far as `init` reads it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** Paths are relative to the folder. */
export interface Folder {
  /** Its own name. */
  readonly name: string
  has(path: string): boolean
  /** The content of a file; '' if it cannot be read. */
  text(path: string): string
  /** The names in a folder; none if it cannot be read. */
  list(path: string): readonly string[]
}

export function folderAt(path: string): Folder {
  return {
    name: basename(resolve(path)),
    has: name => existsSync(join(path, name)),
    text(name) {
      try {
        return readFileSync(join(path, name), 'utf8')
      } catch {
        return ''
      }
    },
    list(name) {
      try {
        return readdirSync(join(path, name)).sort()
      } catch {
        return []
      }
    },
  }
}

/** The first of these paths that exists. */
export const firstOf = (folder: Folder, ...paths: readonly string[]): string | undefined =>
  paths.find(path => folder.has(path))

/** The object in a JSON file; empty if it is none. */
export function jsonIn(folder: Folder, path: string): Readonly<Record<string, unknown>> {
  try {
    return objectIn(JSON.parse(folder.text(path)))
  } catch {
    return {}
  }
}

export const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
