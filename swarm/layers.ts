/** The layers of an image in an artifact of `image()`, and the part of it that an engine lacks. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { program } from '../host/program.ts'
import { capture, type Query } from '../host/query.ts'
import type { Script } from '../host/script.ts'
import { eachEntry, filesAsTar } from '../slots/upload/archive.ts'

export interface ImageFiles {
  /** What `docker load` will call it. */
  readonly name: string
  /** Their digests, from the lowest one. */
  readonly layers: readonly string[]
  /** The files of the artifact, by their paths in it. */
  readonly files: ReadonlyMap<string, { readonly position: number; readonly size: number }>
}

const MANIFEST = 'image/manifest.json'
const layerFile = (digest: string) => `image/${digest.replace('sha256:', '')}.tar`

/** Reads what an artifact holds. */
export async function readImage(path: string, signal: AbortSignal): Promise<ImageFiles> {
  const files = new Map<string, { position: number; size: number }>()
  let text = ''
  await eachEntry(
    path,
    (entry, position) => {
      const name = entry.path.replace(/^\.\//, '')
      if (entry.type === 'File') files.set(name, { position, size: entry.size })
      if (name !== MANIFEST) return void entry.resume()
      entry.on('data', chunk => {
        text += chunk
      })
    },
    signal,
  )
  const [image] = JSON.parse(text) as readonly { RepoTags: readonly string[]; Layers: readonly string[] }[]
  if (!image) throw new TypeError('an artifact of image() has one image')
  return {
    name: image.RepoTags[0] ?? '',
    layers: image.Layers.map(file => `sha256:${file.replace(/\.tar$/, '')}`),
    files,
  }
}

export const listLayers = ({ name, layers }: Pick<ImageFiles, 'name' | 'layers'>): Script => ({
  ...program(new URL('./list-layers.sh', import.meta.url), { parameters: { image: name, layers } }),
  label: 'docker image ls',
})

/** How many of the layers an engine has, from the lowest one; undefined if it has the whole image. */
export const layersThere = (image: Pick<ImageFiles, 'name' | 'layers'>): Query<number | undefined> =>
  capture(listLayers(image), text => (text.trim() === 'there' ? undefined : Number(text)))

/** The files that an engine needs which has the lowest `there` layers, and their size in bytes. */
export function lacking(
  { layers, files }: ImageFiles,
  there: number,
): { readonly positions: ReadonlyMap<number, string>; readonly bytes: number } {
  const needed = new Set(layers.slice(there).map(layerFile))
  const all = new Set(layers.map(layerFile))
  const chosen = [...files].filter(([name]) => name.startsWith('image/') && (!all.has(name) || needed.has(name)))
  return {
    positions: new Map(chosen.map(([name, { position }]) => [position, name])),
    bytes: chosen.reduce((sum, [, { size }]) => sum + size, 0),
  }
}

/** Writes a part of an artifact as an artifact of its own. */
export const packPart = (path: string, positions: ReadonlyMap<number, string>, target: string): Promise<void> =>
  pipeline(filesAsTar(path, positions), createGzip(), createWriteStream(target, { mode: 0o600 }))
