/**
 * certbot has changed the installed site to HTTPS: Debian's certbot with its plug-in for nginx, and pebble, the ACME server with which
 * Let's Encrypt tests. Everything runs on the test's host, so no public name or certificate is involved.
 */

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { ACME_DIRECTORY, startPebble } from '../support/acme.ts'
import { outputOf, runAsRoot } from '../support/ended.ts'
import { assertCleanAfter, deployNext, faultSite, liveState, succeeds, underFault } from '../support/invariant.ts'

const OWN = '/etc/nginx/sites-available/life.conf'
const INCLUDE = '/etc/nginx/switchyard/life.conf'
const LINK = '/srv/life/router/live'

let site: Site
/** The same site with its public URL. */
let secure: Site
beforeAll(async () => {
  site = await faultSite({
    ports: [443],
    router: "nginx({ site: 'life.example', ...JSON.parse(env.NGINX ?? '{}') })",
    tasks: 'export const { doctor } = tasks',
  })
  secure = { ...site, url: `https://127.0.0.1:${site.host.port(443)}` }
  await startPebble(site.host, ['life.example'], 'python3-certbot-nginx')
  await reloads(() =>
    certbot(
      `--nginx --agree-tos --email me@life.example --no-eff-email --server ${ACME_DIRECTORY} -d life.example --redirect --hsts`,
    ),
  )
}, 600_000)
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = async (command: string) => (await runAsRoot(site.host, command)).trimEnd()
const certbot = (args: string) =>
  root(`REQUESTS_CA_BUNDLE=/root/pebble/cert.pem certbot --non-interactive ${args} 2>&1`)
/** Headers and body of one request; the certificate has to be from the test's authority, and for this name. */
const get = (url: string) => root(`curl -sS -i --cacert /root/pebble/root.pem ${url}`)
const serial = () =>
  root(
    'openssl s_client -connect 127.0.0.1:443 -servername life.example < /dev/null 2> /dev/null | openssl x509 -noout -serial',
  )

/** Runs work that reloads nginx, and waits until the old workers are gone, because they close keep-alive connections, which these tests do not count. */
async function reloads<T>(work: () => Promise<T>): Promise<T> {
  const workers = async () => (await root('ps --no-headers -o pid,args --ppid "$(cat /run/nginx.pid)"')).split('\n')
  const before = (await workers()).map(line => Number.parseInt(line, 10))
  const done = await work()
  const old = (line: string) => before.includes(Number.parseInt(line, 10)) || line.includes('shutting down')
  await vi.waitFor(async () => expect((await workers()).filter(old)).toEqual([]), { timeout: 120_000, interval: 200 })
  return done
}

/** Runs work that switches the traffic back and forth, under load over HTTPS, which must not fail. */
async function underLoad(work: () => Promise<Ended[]>): Promise<Ended[]> {
  await using load = await startLoad({
    url: secure.url,
    clients: { keepAlive: 3, idle: 0, post: 1, fresh: 1, slow: 0, socket: 0 },
    headers: ['life-slot'],
    maxSeconds: 240,
  })
  const ended = await work()
  const { failed, endedBy, kinds } = await load.stop()
  expect(failed, JSON.stringify(kinds)).toBe(0)
  expect(endedBy).toBe('stop')
  expect(new Set(kinds.keepAlive.seen.map(({ value }) => value))).toEqual(new Set(['blue', 'green']))
  return ended
}

describe('F58 a site that certbot has edited', () => {
  it('redirects http to https with 301, and has the certificate and HSTS (control)', async () => {
    const plain = await get('http://life.example/deployment_id')
    expect(plain).toMatch(/^HTTP\/1\.1 301 [\s\S]*^Location: https:\/\/life\.example\/deployment_id\r$/m)
    expect(await get('https://life.example/health')).toMatch(
      /^HTTP\/1\.1 200 [\s\S]*^Strict-Transport-Security: max-age=\d+\r$/m,
    )
    expect(await root(`cat ${OWN}`)).toMatch(/listen 443 ssl; # managed by Certbot/)
  })

  it('is read by status and doctor, which follow the redirect', async () => {
    const { stdout } = await underFault(secure, () => site.task('status'), { exit: 0, noDeploy: true })
    expect(stdout).toContain('All agree: router blue, public answer blue, records blue')
    const doctor = await succeeds(site, 'doctor')
    expect(doctor.stdout).toMatch(/ok +setup/)
    await assertCleanAfter(site, doctor)
  })

  it('loses no request in promotes before and after the renewal of the certificate', async () => {
    const thereAndBack = async () => [await succeeds(site, 'promote', 'green'), await succeeds(site, 'rollback')]
    const before = { file: await root(`cat ${OWN}`), serial: await serial() }
    const ended = await underLoad(thereAndBack)
    const renewed = await reloads(() => certbot('renew --force-renewal --no-random-sleep-on-renew'))
    expect(renewed).toContain('all renewals succeeded')
    expect(await serial()).not.toBe(before.serial)
    expect(await root(`cat ${OWN}`)).toBe(before.file)
    ended.push(...(await underLoad(thereAndBack)))
    expect(await get('https://life.example/health')).toMatch(/^HTTP\/1\.1 200 /)
    await assertCleanAfter(site, ...ended)
  })

  it('is left unchanged by setup, also when setup has to write another file', async () => {
    const before = await root(`cat ${OWN}`)
    const { output } = await underFault(secure, () => site.task('setup'), { exit: 0, noDeploy: true })
    expect(output).toContain(`${OWN} was edited by others and is left unchanged.`)
    expect(await root(`cat ${OWN}`)).toBe(before)
    await root(`sed -i 's/^open_file_cache off;/# &/' ${INCLUDE}`)
    const ended = await reloads(() => succeeds(site, 'setup'))
    expect(await root(`cat ${OWN}`)).toBe(before)
    expect(await root(`cat ${INCLUDE}`)).toMatch(/^open_file_cache off;$/m)
    expect(await get('https://life.example/health')).toMatch(/^HTTP\/1\.1 200 /)
    await assertCleanAfter(site, ended)
  })

  it('can be deployed, promoted, rolled back and repaired', async () => {
    const ended = await underLoad(async () => {
      const deployed = await deployNext(site, {}, '--promote')
      expect(deployed, outputOf(deployed)).toMatchObject({ code: 0 })
      return [deployed, await succeeds(site, 'rollback')]
    })
    const { slot, pid } = await liveState(site)
    await root(`rm ${LINK}`)
    const status = await site.task('status')
    expect(status.code, outputOf(status)).toBe(3)
    const repaired = await succeeds(site, 'repair', '--force', slot)
    expect(await liveState(site)).toMatchObject({ slot, pid })
    expect(await get('https://life.example/deployment_id')).toMatch(new RegExp(`\\s${slot}$`))
    await assertCleanAfter(site, ...ended, status, repaired)
  })

  it('refuses a promote when it redirects to another name, and the option in the hint helps', async () => {
    const before = await liveState(site)
    const reload = 'nginx -t 2>&1 && systemctl reload nginx'
    await reloads(() =>
      root(`cp ${OWN} /root/site && sed -i 's#301 https://$host#301 https://www.life.example#' ${OWN} && ${reload}`),
    )
    expect(await get('http://life.example/deployment_id')).toContain('https://www.life.example/deployment_id')
    const refused = await site.task('promote', 'green')
    expect(refused.code, outputOf(refused)).toBe(3)
    expect(outputOf(refused)).toContain('set `url` of the router in the Taskfile')
    expect(await liveState(site)).toEqual(before)
    const url = { NGINX: '{"url":"https://life.example"}' }
    const ended = [await site.taskWith(url, 'promote', 'green'), await site.taskWith(url, 'rollback')]
    for (const command of ended) expect(command.code, outputOf(command)).toBe(0)
    await root(`cp /root/site ${OWN} && ${reload}`)
    await assertCleanAfter(site, refused, ...ended)
  })
})
