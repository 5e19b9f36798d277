/** The example of a static site, on a real host: no process, deployed and promoted under load, with the assets of earlier releases. */

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyExample, EXAMPLES, setVersion } from '../../dev/examples.ts'
import { startHost, type TestHost } from '../../dev/host.ts'
import { failuresIn, type Load, startLoad } from '../../dev/load.ts'
import { runTask } from '../../dev/site.ts'
import { exits } from '../support/ended.ts'

const example = EXAMPLES.find(({ name }) => name === 'static') ?? expect.fail('no example')
/** The asset of each version. */
const ASSETS = { '0.1.0': 'site.8f1b3c.css', '0.2.0': 'site.000002.css', '0.3.0': 'site.000003.css' } as const
type Version = keyof typeof ASSETS

let host: TestHost
let folder: string
let env: NodeJS.ProcessEnv
const loads = new Set<Load>()

beforeAll(async () => {
  host = await startHost()
  folder = await copyExample(example)
  env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  await edit(text => `${text}\nexport const { doctor, retire, remove } = tasks\n`)
  await task(0, 'setup')
  await task(0, 'deploy', '--promote')
})
afterAll(async () => {
  for (const load of loads) await load[Symbol.asyncDispose]()
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function edit(change: (text: string) => string): Promise<void> {
  const path = join(folder, 'Taskfile.ts')
  await writeFile(path, change(await readFile(path, 'utf8')))
}
/** Sets the version, its asset, and a page of the same size as before. */
async function release(from: Version, to: Version): Promise<void> {
  await setVersion(folder, example, to)
  await rename(join(folder, 'site/assets', ASSETS[from]), join(folder, 'site/assets', ASSETS[to]))
  const page = join(folder, 'site/index.html')
  const text = await readFile(page, 'utf8')
  await writeFile(page, text.replace(ASSETS[from], ASSETS[to]))
}
const task = (code: number, ...args: string[]) => exits(code, runTask(folder, env, args).ended)

interface Answer {
  readonly status: number
  readonly body: string
  header(name: string): string | undefined
}
async function get(path: string, options = '', url = 'http://127.0.0.1'): Promise<Answer> {
  const { stdout } = await host.exec(`curl -sS -i -H 'Host: ${example.site}' ${options} ${url}${path}`)
  const [head = '', ...body] = stdout.replaceAll('\r', '').split('\n\n')
  return {
    status: Number(/^HTTP\S+ (\d+)/.exec(head)?.[1]),
    body: body.join('\n\n'),
    header: name => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1],
  }
}
const asset = (version: Version) => `/assets/${ASSETS[version]}`

async function loadOn(path: string): Promise<Load> {
  const url = `http://127.0.0.1:${host.httpPort}`
  const { site, clients, versionHeader } = example
  const load = await startLoad({
    ...{ url, host: site, clients, headers: [versionHeader], maxSeconds: 290 },
    paths: { get: path },
  })
  loads.add(load)
  return load
}
it('a static site is served from its release, and tells browsers what they may keep', async () => {
  const page = await get('/')
  expect(page).toMatchObject({ status: 200, body: expect.stringContaining(ASSETS['0.1.0']) })
  expect(page.header('etag')).toMatch(/^"0\.1\.0-[0-9a-f]{7}"$/)
  expect(page.header('last-modified')).toBeUndefined()
  expect(page.header('cache-control')).toBe('no-cache')
  expect((await get(asset('0.1.0'))).header('cache-control')).toContain('immutable')
  expect(await get('/health')).toMatchObject({ status: 200, body: '{"version":"0.1.0"}\n' })
  expect(await get('/none')).toMatchObject({ status: 404, body: expect.stringContaining('no such page') })
  for (const path of ['/release.json', '/.manifest']) expect((await get(path)).status, path).toBe(404)
  expect((await get('/', '', 'http://127.0.0.1:5600')).status).toBe(503)
  expect((await host.exec(`systemctl list-units --all --plain --no-legend 'status*@*'`)).stdout).toBe('')
})

it('a switch and a rollback under load fail no request, and a page of the same size is a new one for browsers', async () => {
  const before = await get('/')
  const load = await loadOn('/')
  await release('0.1.0', '0.2.0')
  await task(0, 'deploy')
  await task(0, 'promote', 'green')
  const after = await get('/', `-H 'If-None-Match: ${before.header('etag')}'`)
  expect(after).toMatchObject({ status: 200, body: expect.stringContaining(ASSETS['0.2.0']) })
  expect(after.body.length).toBe(before.body.length)
  expect((await get('/', `-H 'If-None-Match: ${after.header('etag')}'`)).status).toBe(304)
  // The control of the assets: without the option, the asset of the page before is gone.
  expect((await get(asset('0.1.0'))).status).toBe(404)
  await task(0, 'rollback')
  const report = await load.stop()
  expect.soft(failuresIn(report)).toEqual([])
  expect.soft(report.sent).toBeGreaterThan(300)
  const versions = report.kinds.fresh.seen.map(({ value }) => /^"([\d.]+)-/.exec(value)?.[1])
  expect.soft(versions).toEqual(['0.1.0', '0.2.0', '0.1.0'])
})

it('with `assets`, the asset of a page that users have open is served over a switch under load, and when no slot has it any more', async () => {
  await edit(text => text.replace('nginx({ site', "nginx({ assets: { path: '/assets/', folder: '.' }, site"))
  await task(0, 'setup')
  // Of the releases that were live before the setup, only those that become live again are known.
  await task(0, 'promote', 'green')
  await task(0, 'rollback')
  const load = await loadOn(asset('0.1.0'))
  await task(0, 'promote', 'green')
  expect((await get(asset('0.1.0'))).body).toContain('sans-serif')
  expect((await get('/assets/none.css')).status).toBe(404)
  await release('0.2.0', '0.3.0')
  await task(0, 'deploy', '--promote')
  const report = await load.stop()
  expect.soft(failuresIn(report)).toEqual([])
  expect.soft(report.sent).toBeGreaterThan(300)
  expect((await get('/')).body).toContain(ASSETS['0.3.0'])
  for (const version of ['0.1.0', '0.2.0', '0.3.0'] as const)
    expect((await get(asset(version))).status, version).toBe(200)
})

it('a stopped slot gets no traffic, a reboot keeps the live one, and the checks find nothing wrong', async () => {
  expect(await task(0, 'doctor')).toMatch(/port 5600 +(held by|free for) green/)
  await task(0, 'retire')
  expect((await get('/', '', 'http://127.0.0.1:5600')).status).toBe(503)
  expect(await task(3, 'rollback')).toMatch(/retired/)
  await host.restart({ powerLoss: true })
  await expect.poll(async () => (await get('/')).status).toBe(200)
  expect(await task(0, 'status')).toMatch(/blue.*0\.3\.0/)
  await task(0, 'deploy')
  expect((await get('/health', '', 'http://127.0.0.1:5600')).body).toBe('{"version":"0.3.0"}\n')
})

it('a removal takes the server blocks of the slots out of nginx', async () => {
  await task(0, 'remove', '--yes-remove', 'status', '--force')
  const { stdout } = await host.exec('nginx -t 2>&1; ls -R /etc/nginx | grep -c status; ls /srv')
  expect(stdout).toMatch(/successful\n0\n/)
  expect((await host.exec('curl -s http://127.0.0.1:4600/ || echo closed')).stdout).toBe('closed\n')
})
