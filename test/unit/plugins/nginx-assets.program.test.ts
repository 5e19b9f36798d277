/** The option `assets` of nginx: its locations, and the links to the releases that were live, made on this machine. */
import { mkdir, mkdtemp, readlink, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import { type AssetOptions, keepAssets } from '../../../plugins/router/assets.ts'
import { assetsBlock } from '../../../plugins/router/nginx/assets.ts'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import { type Layout, layout } from '../../../slots/layout.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const SLOTS = [
  { name: 'blue', port: 4000 },
  { name: 'green', port: 5000 },
]
const routerOf = (assets?: AssetOptions) =>
  nginx({ site: 'life.example', ...(assets && { assets }) }).create(pluginKit())
const textOf = (assets?: AssetOptions) =>
  routerOf(assets).provision({ user: 'deploy', group: 'deploy' }).files[0]?.text ?? ''

describe('the locations for assets', () => {
  it('ask the other slot for what the live one lacks, then the releases that were live', () => {
    const text = assetsBlock({ app: 'life', router: '/srv/life/router' }, SLOTS, {
      path: '/assets/',
      folder: 'public',
      keep: 2,
    })
    expect(text).toContain('if ($switchyard_port = 4000) { set $switchyard_other 5000; }')
    expect(text).toContain('if ($switchyard_port = 5000) { set $switchyard_other 4000; }')
    expect(text.match(/proxy_pass .*;/g)).toEqual([
      'proxy_pass http://127.0.0.1:$switchyard_port;',
      'proxy_pass http://127.0.0.1:$switchyard_other;',
    ])
    expect(text).toContain('try_files /1$uri /2$uri /3$uri =404;')
    expect(text).toContain('location @switchyard_other {\n    # A body is sent once.\n    if ($request_method')
  })

  it('pass requests on as the location for everything else does', () => {
    const text = textOf({ path: '/assets/' })
    const settings = text.match(/proxy_set_header .*;/g) ?? []
    expect(settings.length).toBeGreaterThan(6)
    expect(settings).toEqual(Array.from({ length: 3 }, () => settings.slice(0, settings.length / 3)).flat())
    expect(text).toContain('return 404;\n}')
  })

  it('are missing without the option, whose switch is then the same as ever', () => {
    expect(textOf()).not.toMatch(/switchyard_other|@assets@/)
    const slot = { name: 'blue', port: 4000, env: {} }
    expect(routerOf().promote(slot, 'g1').script.text).toBe(
      routerOf({ path: '/a/' }).promote(slot, 'g1').script.text.replace(':\n', ''),
    )
  })

  it.each([
    { path: 'assets' },
    { path: '/' },
    { path: '/a b/' },
    { path: '/assets/', folder: '/srv' },
    { path: '/assets/', folder: '../x' },
    { path: '/assets/', keep: 0 },
  ])('reject %j', assets => {
    expect(() => nginx({ site: 'life.example', assets })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

describe('the releases that were live', () => {
  let folders: Layout
  beforeEach(async () => {
    folders = layout(await mkdtemp(join(tmpdir(), 'switchyard-assets-')))
    for (const name of ['1', '2', '3', '4'])
      await mkdir(join(folders.release(name), `lib/life-${name}/static`), { recursive: true })
    await mkdir(folders.router)
    await mkdir(folders.slot('blue').dir, { recursive: true })
  })
  afterEach(async () => {
    await rm(folders.root, { recursive: true, force: true })
  })

  async function promote(release: string, options: Partial<AssetOptions> = {}): Promise<number> {
    const { current } = folders.slot('blue')
    await rm(current, { force: true })
    await symlink(folders.release(release), current)
    await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
    const script = keepAssets(folders, 'blue', { path: '/assets/', folder: 'lib/life-*/static', keep: 2, ...options })
    return (await host.run(script)).code
  }
  const kept = () =>
    Promise.all(
      [1, 2, 3, 4].map(async n => {
        const target = await readlink(join(folders.router, 'assets', String(n))).catch(() => undefined)
        return target?.match(/life-(\d)\/static$/)?.[1]
      }),
    )

  it('are linked newest first, each once, and no more than there may be', async () => {
    await promote('1')
    expect(await kept()).toEqual(['1', undefined, undefined, undefined])
    for (const release of ['2', '3', '3']) await promote(release)
    expect(await kept()).toEqual(['3', '2', '1', undefined])
    await promote('2')
    expect(await kept()).toEqual(['2', '3', '1', undefined])
    await promote('4')
    expect(await kept()).toEqual(['4', '2', '3', undefined])
  })

  it('prevent no switch: not if a release lacks the folder, and not if the links cannot be made', async () => {
    expect(await promote('1', { folder: 'public' })).toBe(0)
    expect(await kept()).toEqual([undefined, undefined, undefined, undefined])
    await rm(join(folders.router, 'assets'), { recursive: true })
    await symlink('/proc/self/status', join(folders.router, 'assets'))
    expect(await promote('1')).toBe(0)
  })
})
