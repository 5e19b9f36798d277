/**
 * HTTPS that `setup` installs, from a host without a certificate on: certbot of Debian gets it from pebble, the ACME server with which Let's Encrypt tests.
 * Everything runs on the test's host, so no public name or certificate is involved.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failuresIn, startLoad } from '../../dev/load.ts'
import { type Site, startSite } from '../../dev/site.ts'
import { ACME_DIRECTORY, startPebble } from '../support/acme.ts'
import { outputOf, runAsRoot } from '../support/ended.ts'
import { succeeds } from '../support/invariant.ts'

const FOLDER = '/etc/nginx/switchyard'
const NAMES = ['life.example', 'next.life.example']

let site: Site
let secure: string
beforeAll(async () => {
  site = await startSite({
    ports: [443],
    router: `nginx({
      site: 'life.example',
      tls: 'certbot',
      preview: 'next.life.example',
      bodySize: '2m',
      extra: ['location = /ping { return 204; }'],
    })`,
    runtime: 'beam({ stopLimit: 3 })',
    tasks: 'export const { doctor, maintenance } = tasks',
    prepare: host => startPebble(host, NAMES),
  })
  secure = `https://127.0.0.1:${site.host.port(443)}`
}, 600_000)
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = async (command: string) => (await runAsRoot(site.host, command)).trimEnd()
/** Status, headers and body of one request on the host. The certificate has to be from the test's authority, and for this name. */
const get = (url: string, ...options: readonly string[]) =>
  root(`curl -sS -i --cacert /root/pebble/root.pem ${options.join(' ')} ${url}`)
const served = () =>
  root(
    `openssl s_client -connect 127.0.0.1:443 -servername life.example < /dev/null 2> /dev/null | openssl x509 -noout -serial`,
  )
/** The processes of nginx, which a reload replaces, and its files that do not belong to the certificate. */
const everything = () =>
  root(
    `pgrep -x nginx | sort; find /etc/nginx -type f ! -path '${FOLDER}/life.tls/*' -exec sha256sum {} + | sort; find /etc/nginx -type l -printf '%p %l\\n' | sort`,
  )
const load = (url: string) =>
  startLoad({
    url,
    http2Url: url,
    clients: { keepAlive: 3, idle: 1, post: 1, fresh: 2, slow: 0, http2: 1, socket: 5 },
    headers: ['life-slot'],
    maxSeconds: 240,
  })
/** What setup printed. */
let command = ''

describe('HTTPS by certbot, on a host without a certificate', () => {
  it('has a site without HTTPS after setup, which names the command for the certificate, as doctor does', async () => {
    const done = await succeeds(site, 'setup')
    command = /run this on the host: (sudo certbot certonly .*)$/m.exec(outputOf(done))?.[1] ?? ''
    expect(command).toMatch(/ -d life\.example -d next\.life\.example /)
    await succeeds(site, 'deploy', '--promote')
    expect(await get('http://life.example/health')).toMatch(/^HTTP\/1\.1 200 /)
    expect(outputOf(await site.task('doctor'))).toContain(command)
    expect((await succeeds(site, 'status')).stdout).toContain('Preview of the idle slot: http://next.life.example')
  })

  it('is served over HTTPS once certbot has the certificate, without a reload, and redirects HTTP there', async () => {
    const before = await everything()
    const issue = `${command.replace(/^sudo /, '')} --non-interactive --agree-tos --email me@life.example --no-eff-email --server ${ACME_DIRECTORY}`
    expect(await root(`REQUESTS_CA_BUNDLE=/root/pebble/cert.pem ${issue} 2>&1`)).toContain(
      'Successfully received certificate',
    )
    expect(await everything()).toBe(before)
    expect(await get('http://life.example/where?a=b')).toMatch(
      /^HTTP\/1\.1 308 [\s\S]*^Location: https:\/\/life\.example\/where\?a=b\r$/m,
    )
    expect(await get('https://life.example/health', '--http1.1')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await get('https://life.example/health')).toMatch(/^HTTP\/2 200 /)
    expect(await get('https://life.example/ping')).toMatch(/^HTTP\/2 204 /)
    expect(await get('http://life.example/.well-known/acme-challenge/none')).toMatch(/^HTTP\/1\.1 404 /)
    expect(await root(`stat -c '%a %U %G' ${FOLDER}/life.tls/https.pem`)).toBe('640 root www-data')
    const doctor = await site.task('doctor')
    expect(outputOf(doctor)).not.toContain('certificate')
    expect((await succeeds(site, 'status')).stdout).toContain(
      'All agree: router blue, public answer blue, records blue',
    )
  })

  it('is not changed by a second setup', async () => {
    const before = await everything()
    expect((await succeeds(site, 'setup')).stdout).toContain('0 folders and 0 files changed')
    expect(await everything()).toBe(before)
  })

  it('loses no request and cuts no WebSocket in renewals and switches, and reloads nothing', async () => {
    expect((await succeeds(site, 'deploy')).stdout).toContain('Preview of green: https://next.life.example')
    const [before, serials] = [await everything(), new Set([await served()])]
    const running = await load(secure)
    for (let i = 0; i < 3; i++) {
      const renewed = await root(
        'REQUESTS_CA_BUNDLE=/root/pebble/cert.pem certbot renew --non-interactive --force-renewal --no-random-sleep-on-renew 2>&1',
      )
      expect(renewed).toContain('all renewals succeeded')
      serials.add(await served())
      await succeeds(site, 'promote', i % 2 ? 'blue' : 'green')
    }
    const report = await running.stop()
    expect(failuresIn(report)).toEqual([])
    expect(report.endedBy).toBe('stop')
    expect(serials.size).toBe(4)
    expect(await everything()).toBe(before)
    expect(new Set(report.kinds.fresh.seen.map(({ value }) => value))).toEqual(new Set(['blue', 'green']))
  })

  it('shows the idle slot under the name of the preview, also while the site is in maintenance', async () => {
    const status = await succeeds(site, 'status')
    expect(status.stdout).toContain('Preview of the idle slot: https://next.life.example')
    const slot = async (name: string) => /^life-slot: (\w+)\r$/im.exec(await get(`https://${name}/health`))?.[1]
    expect([await slot('life.example'), await slot('next.life.example')]).toEqual(['green', 'blue'])
    await succeeds(site, 'maintenance', 'on')
    expect(await slot('next.life.example')).toBe('blue')
    expect(await get('https://life.example/health', '-H', "'X-Forwarded-For: 192.0.2.1'")).toMatch(/^HTTP\/2 503 /)
    await succeeds(site, 'maintenance', 'off')
    await succeeds(site, 'promote', 'blue')
    expect([await slot('life.example'), await slot('next.life.example')]).toEqual(['blue', 'green'])
    await root('systemctl stop life@green')
    expect(await get('https://next.life.example/health')).toMatch(
      /^HTTP\/2 503 [\s\S]*The idle slot, green, does not answer/,
    )
  })

  it('refuses a body above the limit with the limit', async () => {
    await root('head -c 3000000 /dev/zero > /root/large')
    expect(await get('https://life.example/health', '--data-binary', '@/root/large')).toMatch(
      /^HTTP\/2 413 [\s\S]*larger than 2m/m,
    )
  })
})
