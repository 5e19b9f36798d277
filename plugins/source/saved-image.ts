/** Turns what `docker save` wrote into a folder that has the same bytes for the same image, with one file for each layer. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { unpackTo } from '../../slots/upload/archive.ts'
import { buildFaults } from './faults.ts'

/** The folder of the image in a release. */
export const IMAGE_FOLDER = 'image'

/** The digits of an image's id that its name on a host has. */
const DIGITS = 16

/** The name of an image on a host. It has the image's id, or that of its manifest in a registry, so it never stands for another one, and `localhost`, so no registry is asked for it. */
export const imageName = (app: string, id: string): string => `localhost/switchyard/${app}:${id.slice(0, DIGITS)}`

interface Entry {
  readonly Config: string
  readonly Layers: readonly string[]
}

interface Config {
  readonly rootfs: { readonly diff_ids: readonly string[] }
}

/**
 * Unpacks the archive of one image into `<folder>/image`. Its files are named after their contents, whatever the engine that wrote the archive calls them,
 * so an upload sends only the layers that no earlier release has.
 *
 * @param work a folder beside it, for files in between
 * @throws IMAGE_UNREADABLE
 */
export async function unpackImage(app: string, archive: string, work: string, folder: string): Promise<void> {
  try {
    await unpack(app, archive, join(work, 'saved'), join(folder, IMAGE_FOLDER))
  } catch (error) {
    throw buildFaults.IMAGE_UNREADABLE({ archive, why: (error as Error).message })
  }
}

async function unpack(app: string, archive: string, from: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true })
  await mkdir(from)
  await unpackTo(archive, from)
  const { Config: configPath, Layers: layers } = await entryIn(from)
  const config = await readFile(await inside(from, configPath))
  const id = createHash('sha256').update(config).digest('hex')
  const { rootfs } = JSON.parse(config.toString('utf8')) as Config
  const names = rootfs.diff_ids.map(digest => `${digest.replace(/^sha256:/, '')}.tar`)
  if (names.length !== layers.length || !names.every(name => /^[0-9a-f]{64}\.tar$/.test(name)))
    throw new Error('its layers are not those of its configuration')
  // Two layers with the same content are one file; the engine may have written a link for the second one.
  const places = await Promise.all(layers.map(path => inside(from, path)))
  const files = new Map(names.map((name, i) => [name, places[i] ?? '']))
  for (const [name, place] of files) await rename(place, join(into, name))
  await writeFile(join(into, `${id}.json`), config)
  const manifest = [{ Config: `${id}.json`, RepoTags: [imageName(app, id)], Layers: names }]
  await writeFile(join(into, 'manifest.json'), `${JSON.stringify(manifest)}\n`)
}

async function entryIn(folder: string): Promise<Entry> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => undefined)
  if (text === undefined) throw new Error('it has no manifest.json, which `docker save` writes')
  const [entry, ...more] = JSON.parse(text) as readonly Entry[]
  if (entry === undefined || more.length > 0)
    throw new Error(`it has ${more.length + (entry ? 1 : 0)} images, and not one`)
  return entry
}

/** The file that a path in the archive stands for, also behind links, which may not lead out of it. */
async function inside(folder: string, path: string): Promise<string> {
  const [root, file] = await Promise.all([realpath(folder), realpath(join(folder, path))])
  if (relative(root, file).startsWith('..')) throw new Error(`${path} is not in it`)
  return file
}
