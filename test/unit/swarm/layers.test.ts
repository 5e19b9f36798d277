/** Which layers of an image travel to a node. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packFolder } from '../../../slots/upload/archive.ts'
import { type ImageFiles, lacking, layersThere, listLayers, packPart, readImage } from '../../../swarm/layers.ts'

const run = promisify(execFile)
const { signal } = new AbortController()
const hex = (digit: string) => digit.repeat(64)
const NAME = 'localhost/switchyard/life:0123'

let folder: string
let image: ImageFiles

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-layers-'))
  const release = join(folder, 'release/image')
  await mkdir(release, { recursive: true })
  // A layer may be there twice, such as an empty one.
  const layers = ['a', 'b', 'c', 'b'].map(hex)
  for (const layer of new Set(layers)) await writeFile(join(release, `${layer}.tar`), layer)
  await writeFile(join(release, `${hex('d')}.json`), '{}')
  const manifest = [{ Config: `${hex('d')}.json`, RepoTags: [NAME], Layers: layers.map(layer => `${layer}.tar`) }]
  await writeFile(join(release, 'manifest.json'), JSON.stringify(manifest))
  await packFolder(join(folder, 'release'), join(folder, 'release.tar.gz'))
  image = await readImage(join(folder, 'release.tar.gz'), signal)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** What an engine tells that has images of these layers. */
async function told(images: readonly (readonly string[])[], names: readonly string[] = []): Promise<string> {
  const lines = images.map(layers => `echo '${layers.map(digit => `sha256:${hex(digit)}`).join(' ')} '`)
  const text = `#!/bin/bash
case "$*" in
  'image inspect --format x '*) case ' ${names.join(' ')} ' in *" \${*: -1} "*) ;; *) exit 1 ;; esac ;;
  'image ls '*) echo ids ;;
  *) ${lines.join('\n')}
esac
`
  await writeFile(join(folder, 'docker'), text)
  await chmod(join(folder, 'docker'), 0o755)
  const env = { PATH: `${folder}:/usr/bin:/bin`, SHLVL: '2' }
  return (await run('bash', ['-eu', '-o', 'pipefail', '-c', listLayers(image).text], { env })).stdout
}

describe('an engine', () => {
  it('has the lowest layers that one of its images begins with', async () => {
    const there = async (...images: string[]) => {
      const stdout = await told(images.map(layers => [...layers]))
      return layersThere(image).read({ code: 0, stdout: stdout.trim(), stderr: '' }, { name: 'n1' } as never)
    }
    expect(await there('x', 'ab', 'a')).toBe(2)
    expect(await there('abcb', 'a')).toBe(4)
    // The same layer upon others is another one to an engine.
    expect(await there('bc', 'xabc')).toBe(0)
    expect(await there()).toBe(0)
  })

  it('that has the image itself needs nothing', async () => {
    expect((await told([], [NAME])).trim()).toBe('there')
  })
})

describe('the part that an engine lacks', () => {
  it('has the layers above, and what describes the image', async () => {
    const { positions, bytes } = lacking(image, 2)
    expect(bytes).toBeLessThan([...image.files.values()].reduce((sum, { size }) => sum + size, 0))
    const target = join(folder, 'part.tar.gz')
    await packPart(join(folder, 'release.tar.gz'), positions, target)
    const part = await readImage(target, signal)
    expect(part).toMatchObject({ name: NAME, layers: image.layers })
    // b is there a second time, upon c.
    const expected = ['b', 'c'].map(layer => `image/${hex(layer)}.tar`)
    expect([...part.files.keys()].sort()).toEqual([...expected, `image/${hex('d')}.json`, 'image/manifest.json'].sort())
  })
})
