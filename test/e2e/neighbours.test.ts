/** Two applications on one host, with one process of the router: both are deployed and promoted at once, again and again, and neither disturbs the other. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestHost } from '../../dev/host.ts'
import { type Load, startLoad } from '../../dev/load.ts'
import { installCaddy } from '../support/caddy.ts'
import { installHaproxy } from '../support/haproxy.ts'
import { type Machines, startMachines } from '../support/machines.ts'

const ROUNDS = 3

/** A service, and a neighbour: a static site where the router serves files, else another service, whose release is prepared on the host. */
const TASKFILE = `
import { readFileSync } from 'node:fs'
import { caddy, env, files, haproxy, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const app = env.APP ?? 'shop'
const site = app + '.example'
const more = env.BODY_SIZE && { bodySize: env.BODY_SIZE }
const folder = app === 'shop' || env.ROUTER === 'haproxy' ? 'app' : 'site'
const first = app === 'shop' ? 4000 : 4100
const { tasks } = project({
  app,
  host: ssh('web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: folder, version: () => readFileSync(new URL(folder + '/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: folder === 'site' ? files() : service({ start: 'bin/server', stopLimit: 3, ...(app !== 'shop' && { prepare: 'touch prepared' }) }),
  router: { nginx: () => nginx({ site, ...more }), haproxy: () => haproxy({ site, ...more }), caddy: () => caddy({ site, url: 'http://' + site, ...more }) }[env.ROUTER](),
  slots: { blue: { port: first }, green: { port: first + 1 } },
})
export const { setup, deploy, promote, rollback, status, remove } = tasks
`
const APPS = ['shop', 'zoo'] as const

describe.each<[string, (host: TestHost) => Promise<void>]>([
  ['nginx', async () => {}],
  ['haproxy', installHaproxy],
  ['caddy', installCaddy],
])('two applications behind one %s', (router, install) => {
  let machines: Machines
  let host: TestHost
  beforeAll(async () => {
    machines = await startMachines(['web-1'], TASKFILE)
    host = machines.hosts[0] ?? expect.fail('there is no host')
    await install(host)
    await mkdir(join(machines.folder, 'site'))
    for (const app of APPS) await task(0, app, 'setup')
  })
  afterAll(async () => {
    await machines?.[Symbol.asyncDispose]()
  })

  const task = (code: number, app: string, ...args: string[]) => machines.ends(code, args, { APP: app, ROUTER: router })
  const version = async (text: string) => {
    await machines.version(text)
    await writeFile(join(machines.folder, 'site/VERSION'), `${text}\n`)
    await writeFile(join(machines.folder, 'site/index.html'), `<p>${text}</p>\n`)
  }
  const served = async (app: string) =>
    (
      JSON.parse(await machines.run(host, `curl -s -H 'Host: ${app}.example' http://127.0.0.1/health`)) as {
        version: string
      }
    ).version
  const load = (): Promise<readonly Load[]> =>
    Promise.all(
      APPS.map(app =>
        startLoad({
          url: `http://127.0.0.1:${host.httpPort}`,
          host: `${app}.example`,
          clients: { keepAlive: 1, fresh: 1, idle: 0, post: 0, slow: 0, socket: 0 },
          paths: { get: '/health' },
          pauseMs: { keepAlive: 5, fresh: 5 },
          maxSeconds: 280,
        }),
      ),
    )
  const lost = async (running: readonly Load[]) => {
    const reports = await Promise.all(running.map(each => each.stop()))
    const kinds = reports.map(({ kinds }) => ({ ...kinds.keepAlive.reasons, ...kinds.fresh.reasons }))
    return { kinds, failed: reports.map(({ failed }) => failed), sent: reports.map(({ sent }) => sent) }
  }

  it(`are deployed and promoted at once ${ROUNDS} times under load, and no request of either fails`, async () => {
    await version('1.0.0')
    await Promise.all(APPS.map(app => task(0, app, 'deploy', '--promote')))
    const running = await load()
    for (let i = 1; i <= ROUNDS; i++) {
      await version(`1.${i}.0`)
      await Promise.all(APPS.map(app => task(0, app, 'deploy', '--promote')))
      for (const app of APPS) expect(await served(app)).toBe(`1.${i}.0`)
    }
    const { kinds, failed, sent } = await lost(running)
    process.stdout.write(`${router}: ${failed.join(' and ')} of ${sent.join(' and ')} requests failed\n`)
    expect(kinds).toEqual([{}, {}])
    expect(Math.min(...sent)).toBeGreaterThan(300)
  })

  it('lose requests of both under the same load when the router is restarted (control)', async () => {
    const running = await load()
    await machines.run(host, `systemctl stop ${router}; sleep 1; systemctl start ${router}`)
    await expect.poll(() => served('zoo').catch(() => '')).toBe(`1.${ROUNDS}.0`)
    expect(Math.min(...(await lost(running)).failed)).toBeGreaterThan(0)
  })

  it('a setup of one, which reloads the router, leaves the switch of the other as it was reported', async () => {
    const [, output] = await Promise.all([
      machines.ends(0, ['setup'], { APP: 'zoo', ROUTER: router, BODY_SIZE: '5m' }),
      machines.start(['rollback'], { APP: 'shop', ROUTER: router }).ended,
    ])
    expect(output.code, output.stdout + output.stderr).toBe(0)
    expect(await served('shop')).toBe(`1.${ROUNDS - 1}.0`)
    for (const app of APPS) expect(await task(0, app, 'status')).toContain('All agree')
  })

  it('the removal of one leaves the other', async () => {
    await task(0, 'zoo', 'remove', '--force', '--yes-remove', 'zoo')
    expect(await task(0, 'shop', 'status')).toContain('All agree')
    expect(await machines.run(host, 'ls -d /srv/*')).toContain('/srv/shop')
  })
})
