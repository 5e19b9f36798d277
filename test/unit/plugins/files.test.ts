/** A static site: its server blocks, its scripts on this machine, and its errors. */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import type { Query } from '../../../host/query.ts'
import { beam, caddy, docker, haproxy, nginx, project, ssh } from '../../../index.ts'
import { type FilesOptions, files } from '../../../plugins/runtime/files/files.ts'
import { parseProcess } from '../../../plugins/runtime/files/scripts.ts'
import { isFault } from '../../../runner/fault.ts'
import type { PluginContext, Release } from '../../../slots/contracts.ts'
import { assertHealthy } from '../../../slots/health/health.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { layout } from '../../../slots/layout.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const facts = { user: 'deploy', group: 'deploy' }
const blue = { name: 'blue', port: 4000, env: {} }
const runtimeOf = (options?: FilesOptions, kit?: Partial<PluginContext>) => files(options).create(pluginKit(kit))
const textOf = (options?: FilesOptions) => runtimeOf(options).provision(facts).files[0]?.text ?? ''

describe('the server blocks of a static site', () => {
  it('are one for each slot, on its port on loopback, with the link of the slot as root', () => {
    const { files, links, folders, sudo } = runtimeOf({ folder: 'dist/' }).provision(facts)
    expect(files.map(({ path }) => path)).toEqual(['/etc/nginx/switchyard/life.slots.conf'])
    expect(links).toEqual([['/etc/nginx/sites-enabled/life.slots.conf', '/etc/nginx/conf.d/life.slots.conf']])
    expect(folders).toEqual([{ path: '/srv/life/files', mode: 0o755 }])
    expect(sudo).toEqual([])
    const text = textOf({ folder: 'dist/' })
    expect(text.match(/listen .*;/g)).toEqual(['listen 127.0.0.1:4000;', 'listen 127.0.0.1:5000;'])
    expect(text.match(/^ +root .*;/gm)).toEqual([
      '    root /srv/life/files/blue/dist;',
      '    root /srv/life/files/green/dist;',
    ])
    expect(text).not.toMatch(/@\w+@/)
  })

  it('never show our own files, which are in the root only without a folder', () => {
    expect(textOf()).toContain('location ~ "^/(?:release\\.json|\\.manifest|\\.prepared)$" { return 404; }')
    expect(textOf({ folder: 'dist' })).not.toContain('release\\.json')
  })

  it('answer a missing file with 404, or with the page of `fallback`, but never below `immutable`', () => {
    expect(textOf()).toContain('try_files $uri $uri/ =404;')
    const text = textOf({ fallback: '/index.html', immutable: '/assets/' })
    expect(text).toContain('try_files $uri $uri/ /index.html =404;')
    expect(text).toContain('location ^~ /assets/ { try_files $uri =404; }')
  })

  it.each([{ folder: 'a b' }, { fallback: '/a;b' }, { immutable: '/$a' }])('reject %j', options => {
    expect(() => files(options)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})

describe('the file of the server that a static site has left', () => {
  it.each([
    ['nginx', 'caddy'],
    ['caddy', 'nginx'],
  ])(
    '%s is obsolete behind %s, with its links, and is known by the folder of the links to the releases',
    (left, now) => {
      const of = (router: string) => runtimeOf({}, { router }).provision(facts)
      const [file, links] = [of(left).files[0], of(left).links?.flat() ?? []]
      const { folder, name, mark = 'none', links: places, end, restored } = of(now).obsolete ?? expect.fail('none')
      expect(file?.path).toMatch(new RegExp(`^${folder}/`))
      expect(basename(file?.path ?? '')).toMatch(name)
      expect(file?.text).toContain(mark)
      expect(places).toEqual(links.map(dirname))
      for (const other of ['life.conf', 'life.caddy', 'lifeboat.slots.conf', 'life.slots.conf~'])
        expect(other).not.toMatch(name)
      // nginx is reloaded even if the setup is undone, and the ports are free before the other server takes them.
      for (const script of [end, restored]) expect(script?.text).toContain(`is-active --quiet ${left}`)
      expect(end.text).toContain("'sport = :4000 or sport = :5000'")
    },
  )
})

describe('the sites of Caddy for a static site', () => {
  const provisionOf = (options?: FilesOptions) => runtimeOf(options, { router: 'caddy' }).provision(facts)
  const text = (options?: FilesOptions) => provisionOf(options).files[0]?.text ?? ''

  it('are one for each slot, on its port on loopback, in a file that the Caddyfile imports with the sites', () => {
    const { files, links, folders, tools } = provisionOf({ folder: 'dist/' })
    expect(files.map(({ path }) => path)).toEqual(['/etc/caddy/switchyard/life.slots.caddy'])
    expect(links).toBeUndefined()
    expect(folders).toEqual([{ path: '/srv/life/files', mode: 0o755 }])
    expect(tools).toHaveProperty('/usr/bin/caddy', 'caddy')
    expect(text().match(/^http:.*$/gm)).toEqual(['http://:4000 {', 'http://:5000 {'])
    expect(text().match(/^\tbind .*$/gm)).toEqual(['\tbind 127.0.0.1', '\tbind 127.0.0.1'])
    expect(text({ folder: 'dist/' }).match(/^\troot .*$/gm)).toEqual([
      '\troot * /srv/life/files/blue/dist',
      '\troot * /srv/life/files/green/dist',
    ])
  })

  it('never show our own files, which are in the root only without a folder', () => {
    expect(text()).toContain('@private path /release.json /.manifest /.prepared\n\t\terror @private 404')
    expect(text({ folder: 'dist' })).not.toContain('release.json')
  })

  it('have the page of `fallback` for a missing file, but never below `immutable`', () => {
    expect(text()).not.toContain('@missing {')
    const both = text({ fallback: '/index.html', immutable: '/assets/' })
    expect(both).toContain('not path /assets/*\n\t\t}\n\t\trewrite @missing /index.html')
    expect(both).toContain('header @immutable Cache-Control "public, max-age=31536000, immutable"')
  })
})

describe('a static site', () => {
  const definition = (router: unknown, runtime: unknown = files()) =>
    project({
      app: 'life',
      host: ssh('web-1'),
      build: docker(),
      runtime: runtime as never,
      router: router as never,
      slots: { blue: { port: 4000 }, green: { port: 5000 } },
    })

  it('is refused behind HAProxy, which serves no files, at the place of the router', () => {
    try {
      definition(haproxy({ site: 'a.example' }))
    } catch (error) {
      if (!isFault(error)) throw error
      expect(error).toMatchObject({ code: 'OPTION_INVALID', exitCode: 2, field: ['router'] })
      expect(error.message).toBe('`router` of project() cannot be `haproxy()`.')
      expect(error.hint).toContain('`nginx()` or `caddy()`, which serves the slots of the runtime `files()`')
      return
    }
    expect.fail('not refused')
  })

  it('is accepted behind nginx and Caddy, as is any other runtime behind any router', () => {
    expect(definition(nginx({ site: 'a.example' }))).toBeDefined()
    expect(definition(caddy({ site: 'a.example' }))).toBeDefined()
    expect(definition(haproxy({ site: 'a.example' }), beam())).toBeDefined()
  })
})

describe('a slot of a static site', () => {
  let root: string
  let release: Release
  let runtime: ReturnType<typeof runtimeOf>
  const program = (name: string, text: string) =>
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'switchyard-files-'))
    const folders = layout(root)
    for (const path of ['bin', 'files', 'releases/1.0-aaaaaaa/dist', 'slots/blue'])
      mkdirSync(join(root, path), { recursive: true })
    release = { name: '1.0-aaaaaaa', version: '1.0', sha256: '', dir: folders.release('1.0-aaaaaaa') }
    writeFileSync(join(release.dir, 'dist/index.html'), 'one')
    symlinkSync(release.dir, folders.slot('blue').current)
    program('systemctl', 'case $1 in show) echo 812 ;; esac')
    runtime = runtimeOf({ folder: 'dist' }, { layout: folders })
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  /** The script with a systemctl of ours, and with another path for the file of the server. */
  async function ask<T>(query: Query<T>): Promise<T> {
    await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
    const text = query.script.text.replaceAll(
      /\/etc\/(?:nginx|caddy)\/switchyard\/life\.slots\.(?:conf|caddy)/g,
      join(root, 'installed'),
    )
    return host.query({ ...query, script: { ...query.script, text: `PATH=${root}/bin:$PATH\n${text}` } })
  }
  const start = () => ask(runtime.start(release, blue))
  const link = () => join(root, 'files/blue')

  it('is up from its start to its stop, with the pid of the server', async () => {
    writeFileSync(join(root, 'installed'), '')
    expect(await ask(runtime.process(blue))).toEqual({ state: 'stopped' })
    await start()
    expect(readlinkSync(link())).toBe(release.dir)
    expect(await ask(runtime.process(blue))).toMatchObject({ state: 'running', pid: 812 })
    expect(await faultOf(start())).toMatchObject({ code: 'SLOT_RUNS_ALREADY' })
    expect(readdirSync(`${link()}.release`)).toEqual(['1.0-aaaaaaa'])
    expect(await ask(runtime.stop(blue))).toEqual({ was: 'running', killed: false })
    expect(await ask(runtime.stop(blue))).toEqual({ was: 'stopped', killed: false })
    expect(existsSync(link())).toBe(false)
    expect(existsSync(`${link()}.release`)).toBe(false)
  })

  it.each([
    ['is not set up', () => rmSync(join(root, 'installed')), 'CADDY_NOT_SET_UP'],
    ['has no Caddy that runs', () => program('systemctl', 'exit 3'), 'CADDY_DOWN'],
  ])('behind Caddy does not start on a host that %s', async (_, spoil, code) => {
    writeFileSync(join(root, 'installed'), '')
    spoil()
    const behind = runtimeOf({ folder: 'dist' }, { layout: layout(root), router: 'caddy' })
    expect(behind.server).toBe('caddy.service')
    expect(await faultOf(ask(behind.start(release, blue)))).toMatchObject({ code, exitCode: 3 })
  })

  it.each<[string, () => void, object]>([
    ['a host that is not set up', () => rmSync(join(root, 'installed')), { code: 'NGINX_NOT_SET_UP', exitCode: 3 }],
    ['a server that does not run', () => program('systemctl', 'exit 3'), { code: 'NGINX_DOWN' }],
    [
      'a release without the folder of the site',
      () => rmSync(join(release.dir, 'dist'), { recursive: true }),
      { code: 'FILES_FOLDER_MISSING', message: 'The release 1.0-aaaaaaa has no folder /dist.' },
    ],
    [
      'a file that only its owner may read',
      () => chmodSync(join(release.dir, 'dist/index.html'), 0o400),
      { code: 'FILES_UNREADABLE', message: expect.stringContaining('/dist/index.html of the release 1.0-aaaaaaa') },
    ],
    [
      'a slot that points to another release',
      () => execFileSync('ln', ['-sfn', join(root, 'bin'), join(root, 'slots/blue/current')]),
      { code: 'SLOT_NAMES_OTHER_RELEASE' },
    ],
  ])('does not start with %s', async (_, spoil, expected) => {
    writeFileSync(join(root, 'installed'), '')
    spoil()
    expect(await faultOf(start())).toMatchObject(expected)
    expect(existsSync(link())).toBe(false)
  })

  it.each([
    ['nginx.service', 'SLOT_DOWN'],
    ['other.service', 'PORT_TAKEN'],
  ])('that is stopped while %s listens on its port fails its health check with %s', async (unit, code) => {
    const holder = {
      owner: undefined,
      address: '127.0.0.1',
      port: 4000,
      user: 'root',
      unit,
      pid: undefined,
      name: undefined,
    }
    const result = {
      outcome: 'down',
      sockets: [holder],
      pid: 0,
      tries: 0,
      failed: 0,
      status: 0,
      body: '',
      curl: 0,
      redirect: '',
    } as const
    const host = { name: 'web-1', query: async () => ({ state: 'stopped' }) } as never
    const checked = assertHealthy(
      { host, layout: layout('/srv/life'), runtime, health: healthOf() },
      blue,
      release,
      undefined,
      Promise.resolve(result),
    )
    expect(await faultOf(checked)).toMatchObject({ code })
  })

  it('has failed while its server is down', () => {
    expect(parseProcess('90 0')).toEqual({ state: 'failed' })
    expect(parseProcess('90 7')).toEqual({ state: 'running', pid: 7, uptime: 90 })
    expect(parseProcess('')).toEqual({ state: 'stopped' })
  })
})
