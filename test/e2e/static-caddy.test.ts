/** The example of a static site behind Caddy, on a real host: Caddy serves the releases too. HAProxy cannot, and is refused before anything is contacted. */

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyExample, EXAMPLES, setVersion } from '../../dev/examples.ts'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Load, startLoad } from '../../dev/load.ts'
import { runTask } from '../../dev/site.ts'
import { installCaddy } from '../support/caddy.ts'
import { exits } from '../support/ended.ts'

const example = EXAMPLES.find(({ name }) => name === 'static') ?? expect.fail('no example')
const OLD = 'site.8f1b3c.css'
const NEW = 'site.000002.css'

let host: TestHost
let folder: string
let env: NodeJS.ProcessEnv
let load: Load | undefined

beforeAll(async () => {
  host = await startHost()
  await installCaddy(host)
  folder = await copyExample(example)
  env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  await routerIs('caddy', "caddy({ site: 'status.example', url: 'http://status.example' })")
  const path = join(folder, 'Taskfile.ts')
  await writeFile(path, `${await readFile(path, 'utf8')}\nexport const { doctor, retire, remove } = tasks\n`)
  await task(0, 'setup')
  await task(0, 'deploy', '--promote')
})
afterAll(async () => {
  await load?.[Symbol.asyncDispose]()
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Puts another router into the Taskfile. */
async function routerIs(name: string, router: string): Promise<void> {
  const path = join(folder, 'Taskfile.ts')
  const text = (await readFile(path, 'utf8')).replace(/\b(?:nginx|caddy|haproxy),? project/, `${name}, project`)
  await writeFile(path, text.replace(/router: .*,$/m, `router: ${router},`))
}
const task = (code: number, ...args: string[]) => exits(code, runTask(folder, env, args).ended)
async function get(path: string, options = '', url = 'http://127.0.0.1') {
  const { stdout } = await host.exec(`curl -sS -i -H 'Host: ${example.site}' ${options} ${url}${path}`)
  const [head = '', ...body] = stdout.replaceAll('\r', '').split('\n\n')
  return {
    status: Number(/^HTTP\S+ (\d+)/.exec(head)?.[1]),
    body: body.join('\n\n'),
    header: (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1],
  }
}

it('a static site behind Caddy is served from its release, and tells browsers what they may keep', async () => {
  const page = await get('/')
  expect(page).toMatchObject({ status: 200, body: expect.stringContaining(OLD) })
  expect(page.header('etag')).toMatch(/^"0\.1\.0-[0-9a-f]{7}"$/)
  expect(page.header('last-modified')).toBeUndefined()
  expect(page.header('cache-control')).toBe('no-cache')
  expect((await get(`/assets/${OLD}`)).header('cache-control')).toContain('immutable')
  const missing = await get('/assets/none.css')
  expect([missing.status, missing.header('cache-control'), missing.header('etag')]).toEqual([404, undefined, undefined])
  expect(await get('/health')).toMatchObject({ status: 200, body: '{"version":"0.1.0"}\n' })
  expect(await get('/none')).toMatchObject({ status: 404, body: expect.stringContaining('no such page') })
  for (const path of ['/release.json', '/.manifest']) expect((await get(path)).status, path).toBe(404)
  expect((await get('/', "-X POST -d ''")).status).toBe(405)
  expect((await get('/', '', 'http://127.0.0.1:5600')).status).toBe(503)
  expect(
    (await host.exec(`systemctl is-active nginx; systemctl list-units --all --plain --no-legend 'status*@*'`)).stdout,
  ).toBe('inactive\n')
  await task(0, 'doctor')
})

it('a switch and a rollback under load fail no request, and a page of the same size is a new one for browsers', async () => {
  const before = await get('/')
  const url = `http://127.0.0.1:${host.httpPort}`
  const { site, clients, versionHeader } = example
  load = await startLoad({ url, host: site, clients, headers: [versionHeader], maxSeconds: 290, paths: { get: '/' } })
  await setVersion(folder, example, '0.2.0')
  await rename(join(folder, 'site/assets', OLD), join(folder, 'site/assets', NEW))
  const index = join(folder, 'site/index.html')
  await writeFile(index, (await readFile(index, 'utf8')).replace(OLD, NEW))
  await task(0, 'deploy')
  await task(0, 'promote', 'green')
  const after = await get('/', `-H 'If-None-Match: ${before.header('etag')}'`)
  expect(after).toMatchObject({ status: 200, body: expect.stringContaining(NEW) })
  expect(after.body.length).toBe(before.body.length)
  expect((await get('/', `-H 'If-None-Match: ${after.header('etag')}'`)).status).toBe(304)
  await task(0, 'rollback')
  const report = await load.stop()
  process.stdout.write(`static site behind Caddy: ${report.failed} of ${report.sent} requests failed\n`)
  expect.soft(report).toMatchObject({ failed: 0, drops: [] })
  expect.soft(report.sent).toBeGreaterThan(300)
  const versions = report.kinds.fresh.seen.map(({ value }) => /^"([\d.]+)-/.exec(value)?.[1])
  expect.soft(versions).toEqual(['0.1.0', '0.2.0', '0.1.0'])
})

it('a move to nginx and back leaves the ports of the slots to the server that the site has then', async () => {
  const serverAt = async (port: number) => {
    const { stdout } = await host.exec(`curl -sI http://127.0.0.1:${port}/`)
    return /^server: (\w+)/im.exec(stdout)?.[1]?.toLowerCase()
  }
  const filesLeft = async () => (await host.exec('ls /etc/nginx/*/ /etc/caddy/switchyard | grep slots')).stdout
  await host.exec('rm -f /etc/nginx/sites-enabled/default && systemctl start nginx')
  await routerIs('nginx', "nginx({ site: 'status.example', listen: 8080 })")
  expect(await task(0, 'setup', '--dry-run')).toContain('/etc/caddy/switchyard/status.slots.caddy')
  await task(0, 'setup')
  expect(await filesLeft()).toBe('status.slots.conf\nstatus.slots.conf\n')
  expect([await serverAt(4600), await serverAt(5600)]).toEqual(['nginx', 'nginx'])
  expect(await get('/', '', 'http://127.0.0.1:8080')).toMatchObject({ status: 200, body: expect.stringContaining(OLD) })
  await task(0, 'status')
  await routerIs('caddy', "caddy({ site: 'status.example', url: 'http://status.example' })")
  await task(0, 'setup')
  expect(await filesLeft()).toBe('status.slots.caddy\n')
  expect([await serverAt(4600), await serverAt(5600)]).toEqual(['caddy', 'caddy'])
  expect(await get('/')).toMatchObject({ status: 200, body: expect.stringContaining(OLD) })
  await task(0, 'deploy', '--promote')
  await task(0, 'rollback')
  await host.exec('systemctl stop nginx')
})

it('a restart of Caddy keeps both slots; one that is retired is down; a removal leaves Caddy as it was', async () => {
  await host.exec('systemctl restart caddy')
  expect((await get('/')).body).toContain(OLD)
  expect((await get('/health', '', 'http://127.0.0.1:5600')).body).toContain('0.2.0')
  await task(0, 'retire')
  expect((await get('/', '', 'http://127.0.0.1:5600')).status).toBe(503)
  await task(0, 'remove', '--yes-remove', 'status', '--force')
  expect((await host.exec('ls /etc/caddy/switchyard; curl -s http://127.0.0.1:4600/ || echo closed')).stdout).toBe(
    'closed\n',
  )
  expect((await host.exec('systemctl is-active caddy')).stdout).toBe('active\n')
})

it('behind HAProxy, which serves no files, it is refused before anything is contacted', async () => {
  await routerIs('haproxy', "haproxy({ site: 'status.example' })")
  const output = await task(2, 'status')
  expect(output).toContain('`router` of project() cannot be `haproxy()`.')
  expect(output).toContain('`nginx()` or `caddy()`, which serves the slots of the runtime `files()`')
})
