import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { git } from '../../../plugins/source/git.ts'
import { type ImageOptions, image } from '../../../plugins/source/image.ts'
import { unpackImage } from '../../../plugins/source/saved-image.ts'
import type { PluginContext } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-image-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const LAYERS = ['first layer', 'second layer', 'first layer']
const CONFIG = JSON.stringify({ os: 'linux', rootfs: { diff_ids: LAYERS.map(text => `sha256:${sha256(text)}`) } })

/** An archive of an image as an engine writes it: Docker before version 25 names layers by an id of its own, later ones and Podman by their content. */
function archive(form: 'old' | 'new', change: (saved: string) => void = () => undefined): string {
  const saved = join(folder, form)
  const write = (name: string, text: string) => {
    mkdirSync(join(saved, name, '..'), { recursive: true })
    writeFileSync(join(saved, name), text)
    return name
  }
  const layers =
    form === 'new'
      ? LAYERS.map(text => write(`blobs/sha256/${sha256(text)}`, text))
      : ['aaa/layer.tar', 'bbb/layer.tar', 'ccc/layer.tar']
  if (form === 'old') {
    write('aaa/layer.tar', LAYERS[0] ?? '')
    write('bbb/layer.tar', LAYERS[1] ?? '')
    mkdirSync(join(saved, 'ccc'))
    symlinkSync('../aaa/layer.tar', join(saved, 'ccc/layer.tar'))
    write('repositories', '{}')
  }
  const config = write(form === 'new' ? `blobs/sha256/${sha256(CONFIG)}` : `${sha256(CONFIG)}.json`, CONFIG)
  write('manifest.json', JSON.stringify([{ Config: config, RepoTags: ['life:latest'], Layers: layers }]))
  change(saved)
  const path = join(folder, `${form}.tar`)
  execFileSync('tar', ['-C', saved, '-cf', path, '.'])
  return path
}

async function unpacked(path: string): Promise<Record<string, string>> {
  const [work, release] = [mkdtempSync(join(folder, 'work-')), mkdtempSync(join(folder, 'release-'))]
  await unpackImage('life', path, work, release)
  const names = readdirSync(join(release, 'image')).sort()
  return Object.fromEntries(names.map(name => [name, readFileSync(join(release, 'image', name), 'utf8')]))
}

describe('the archive of an image', () => {
  it('becomes the same files, named after their contents, whichever engine wrote it', async () => {
    const files = await unpacked(archive('old'))
    expect(files).toEqual({
      [`${sha256('first layer')}.tar`]: 'first layer',
      [`${sha256('second layer')}.tar`]: 'second layer',
      [`${sha256(CONFIG)}.json`]: CONFIG,
      'manifest.json': expect.any(String),
    })
    expect(JSON.parse(files['manifest.json'] ?? '')).toEqual([
      {
        Config: `${sha256(CONFIG)}.json`,
        RepoTags: [`localhost/switchyard/life:${sha256(CONFIG).slice(0, 16)}`],
        Layers: LAYERS.map(text => `${sha256(text)}.tar`),
      },
    ])
    expect(await unpacked(archive('new'))).toEqual(files)
  })

  it.each<[string, (saved: string) => void, string]>([
    ['has no manifest', saved => rmSync(join(saved, 'manifest.json')), 'it has no manifest.json'],
    [
      'has several images',
      saved => {
        const [entry] = JSON.parse(readFileSync(join(saved, 'manifest.json'), 'utf8'))
        writeFileSync(join(saved, 'manifest.json'), JSON.stringify([entry, entry]))
      },
      'it has 2 images, and not one',
    ],
    [
      'has other layers than its configuration says',
      saved => {
        const [entry] = JSON.parse(readFileSync(join(saved, 'manifest.json'), 'utf8'))
        writeFileSync(join(saved, 'manifest.json'), JSON.stringify([{ ...entry, Layers: entry.Layers.slice(1) }]))
      },
      'its layers are not those of its configuration',
    ],
  ])('is refused if it %s', async (_, change, why) => {
    expect(await faultOf(unpacked(archive('new', change)))).toMatchObject({
      code: 'IMAGE_UNREADABLE',
      exitCode: 1,
      message: expect.stringContaining(why),
    })
  })

  it('is refused if it is no tar archive', async () => {
    writeFileSync(join(folder, 'text'), 'no archive at all'.repeat(100))
    expect(await faultOf(unpacked(join(folder, 'text')))).toMatchObject({ code: 'IMAGE_UNREADABLE' })
  })

  it('is refused if the path of a layer leads out of it', async () => {
    const outside = archive('new', saved => {
      const [entry] = JSON.parse(readFileSync(join(saved, 'manifest.json'), 'utf8'))
      const layers = ['../../../../../../../../etc/passwd', ...entry.Layers.slice(1)]
      writeFileSync(join(saved, 'manifest.json'), JSON.stringify([{ ...entry, Layers: layers }]))
    })
    expect(await faultOf(unpacked(outside))).toMatchObject({ code: 'IMAGE_UNREADABLE' })
  })
})

describe('an image of a registry', () => {
  const digest = `sha256:${'ab'.repeat(32)}`
  const name = `registry.example/shop/life:1.2.0@${digest}`
  const build = async (options: ImageOptions, kit: Partial<PluginContext> = {}) => {
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'))
    return image(options)
      .create(pluginKit({ folder, ...kit }))
      .build()
  }
  afterEach(() => vi.unstubAllEnvs())

  it('is a release that has its digest, and always the same one', async () => {
    const [first, second] = [await build({ pull: name }), await build({ pull: name })]
    expect(first.sha256).toBe(second.sha256)
    expect(first.version).toBe('1.2.0')
    expect(first.revision).toBeUndefined()
    const text = execFileSync('tar', ['-xOzf', first.path, './image/manifest.json'], { encoding: 'utf8' })
    expect(JSON.parse(text)).toEqual([
      {
        RepoTags: ['localhost/switchyard/life:abababababababab'],
        RepoDigests: [`registry.example/shop/life@${digest}`],
      },
    ])
  })

  it('has the version of the options, or without a tag the beginning of its digest', async () => {
    expect((await build({ pull: name, version: '2.0' })).version).toBe('2.0')
    expect((await build({ pull: `registry.example/life@${digest}` })).version).toBe('abababababab')
  })

  it('gives the login to the hosts, and to no output', () => {
    const pull = { image: name, user: 'deploy', password: 'sesame' }
    const plugin = git({ build: image({ pull }) })
    expect(plugin.login).toEqual({ registry: 'registry.example', user: 'deploy', password: 'sesame' })
    expect(plugin.secrets).toEqual(['sesame', 'ZGVwbG95OnNlc2FtZQ=='])
    const settings = plugin.settings?.({ app: 'life', layout: layout('/srv/life'), slots: [] })
    expect(JSON.stringify(settings)).toContain('deploy')
    expect(JSON.stringify(settings)).not.toContain('sesame')
  })

  it('needs the password of its user before a registry is asked', async () => {
    const pull = { image: 'registry.invalid/life:1', user: 'deploy', password: undefined }
    expect(await faultOf(build({ pull }))).toMatchObject({ code: 'REGISTRY_PASSWORD_MISSING', exitCode: 2 })
  })

  it('is only described by a dry run', async () => {
    const lines: string[] = []
    const kit = { dryRun: true, log: (line: string) => void lines.push(line) }
    expect(await build({ pull: 'registry.invalid/life:1' }, kit)).toMatchObject({
      version: '1',
      sha256: '0'.repeat(64),
    })
    expect(lines).toEqual(['would ask registry.invalid which image registry.invalid/life:1 is'])
  })

  it.each([
    ['Life'],
    [{ image: 'registry.example/life' }],
    [{ image: 'registry.example/life', user: 'a', token: 'b' }],
  ])('is not %j', pull => {
    expect(() => image({ pull } as never)).toThrow(/pull/)
  })
})

describe('the options of image()', () => {
  it.each<[ImageOptions, string, string]>([
    [{ name: 'life:1', archive: 'life.tar' }, 'name', 'archive'],
    [{ name: 'life:1', dockerfile: 'Dockerfile.prod' }, 'name', 'dockerfile'],
    [{ archive: 'life.tar', platform: 'linux/arm64' }, 'archive', 'platform'],
    [{ pull: 'registry.example/life:1', target: 'app' }, 'pull', 'target'],
    [{ archive: 'life.tar', pull: 'registry.example/life:1' }, 'archive', 'pull'],
  ])('%j are refused, because they contradict each other', (options, option, other) => {
    const refused = () => image(options)
    expect(refused).toThrow(`\`image({ ${option} })\` takes a finished image, so \`${other}\` has no effect.`)
  })
})
