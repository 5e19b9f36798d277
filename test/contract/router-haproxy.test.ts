import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pagePath } from '../../plugins/router/haproxy/files.ts'
import { type HaproxyOptions, haproxy } from '../../plugins/router/haproxy/haproxy.ts'
import { maintenanceRules } from '../../plugins/router/haproxy/maintenance-rules.ts'
import { canaryRouter } from '../../slots/canary/canary.ts'
import type { Slot } from '../../slots/contracts.ts'
import { layout } from '../../slots/layout.ts'
import { maintaining } from '../../slots/maintenance/site.ts'
import { bound } from '../support/bound.ts'
import { installHaproxy } from '../support/haproxy.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { blue, FACTS, green, headersSeen, type RouterHost, raw, startRouterHost } from '../support/router-host.ts'
import { routerContract } from './router.ts'

const MAP = '/srv/life/router/live.map'
const LIMITS = { answers: 5, within: 20_000 }

const openHaproxy = (options: HaproxyOptions = { site: 'life.example' }): Promise<RouterHost> =>
  startRouterHost({
    plugin: haproxy(options),
    generations: true,
    configured: more => haproxy({ ...options, ...more }),
    canary: haproxy({ ...options, canary: true }),
    assets: { plugin: haproxy({ ...options, assets: { path: '/assets/' } }), keeps: false },
    unit: 'haproxy',
    spoil: `mv -T ${MAP} /root/good && echo 'live somewhere.else' > ${MAP}`,
    mend: `mv -T /root/good ${MAP}`,
    prepare: installHaproxy,
  })

routerContract('HAProxy by a map', () => openHaproxy())

describe('the site of HAProxy', () => {
  let subject: RouterHost
  const router = () => bound(subject.host, subject.plugin.create(subject.kit()))
  const promoted = async (slot: Slot, generation: string) => {
    await router().promote(slot, generation)
    const route = { slot: slot.name, generation }
    expect(await router().verify(route, LIMITS)).toMatchObject({ verified: true })
    return route
  }
  const worker = () =>
    subject.root("echo 'show info' | socat - UNIX-CONNECT:/run/haproxy/switchyard-life.sock | grep '^Pid: '")
  const other = () =>
    bound(
      subject.host,
      haproxy({ site: 'other.example' }).create({ ...subject.kit(), app: 'other', layout: layout('/srv/other') }),
    )
  beforeAll(async () => {
    subject = await openHaproxy()
    await promoted(blue, 'g1')
  })
  afterAll(() => subject?.[Symbol.asyncDispose]())
  const headers = (...more: string[]) => headersSeen(subject, ...more)

  test('cannot be put into maintenance as an earlier version installed it, but switched, until setup has run', async () => {
    const provision = router().provision(FACTS)
    const files = provision.files.map(file => ({
      ...file,
      text: file.text.replace(maintenanceRules('/srv/life/router', pagePath('life')), ''),
    }))
    await subject.install({ ...provision, files })
    try {
      const site = bound(subject.host, maintaining(subject.plugin.create(subject.kit())))
      const wanted = { by: 'me', since: new Date().toISOString(), message: 'x', allow: [], retryAfter: 1 }
      expect(await faultOf(site.beginMaintenance(wanted))).toMatchObject({
        code: 'MAINTENANCE_NOT_SET_UP',
        exitCode: 3,
      })
      expect(await site.outside('/')).toEqual({ status: 200, maintenance: false })
      await site.endMaintenance()
      await promoted(green, 'old1')
      await promoted(blue, 'old2')
      expect(await router().check('/')).toEqual([])
    } finally {
      await subject.install(provision)
    }
  })

  test("leaves the host's own configuration unchanged", async () => {
    expect(await subject.root('dpkg --verify haproxy | grep /etc/ || :')).toBe('')
  })

  test('passes on the client address, the protocol and the host to the application', async () => {
    const seen = await headers('X-Forwarded-For: 192.0.2.1', 'Connection: close')
    expect(seen).toMatchObject({
      host: 'life.example:8080',
      x_forwarded_proto: 'http',
      x_forwarded_host: 'life.example:8080',
    })
    expect(seen.x_forwarded_for).toBe(seen.x_real_ip)
    expect(seen.x_real_ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  })

  test('upgrades only a client that asks for WebSockets', async () => {
    const key = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']
    expect(await headers('Connection: close')).toMatchObject({ upgrade: '' })
    // The application here is nginx, which never upgrades and closes the connection, so the response ends.
    expect(await headers('Connection: close, upgrade', 'Upgrade: websocket', ...key)).toMatchObject({
      upgrade: 'websocket',
    })
    expect(await headers('Connection: close, upgrade', 'Upgrade: h2c')).toMatchObject({ upgrade: '' })
  })

  test('serves /deployment_id as plain text with no-store, and answers 503 for another host name', async () => {
    const request = (host: string) =>
      raw(subject.machine.httpPort, `GET /deployment_id HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    const answer = await request('LIFE.example')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/^content-type: text\/plain\r$/m)
    expect(answer).toMatch(/^cache-control: no-store\r$/m)
    expect(answer.split('\r\n\r\n')[1]).toBe('blue\n')
    expect(await request('nobody.example')).toMatch(/^HTTP\/1\.\d 503 [\s\S]*No server is available/)
  })

  test('F46 keeps the route over a restart, a reload and a kill, and its process over a promote', async () => {
    const route = await promoted(green, 'g2')
    const before = await worker()
    for (const command of [
      'systemctl restart haproxy',
      'systemctl reload haproxy',
      'systemctl kill --signal KILL haproxy; sleep 1; systemctl is-active haproxy',
    ]) {
      await subject.root(command)
      expect(await router().live()).toEqual(route)
      expect(await router().verify(route, LIMITS), command).toMatchObject({ verified: true })
      expect(await router().check()).toEqual([])
    }
    const after = await worker()
    expect(after).not.toBe(before)
    await promoted(blue, 'g3')
    expect(await worker()).toBe(after)
  })

  test('has each route, canary and maintenance as soon as it is reported, although somebody reloads it all the time', async () => {
    const canary = subject.canary ?? expect.fail('no canary')
    const site = bound(subject.host, canaryRouter(maintaining(canary.create(subject.kit()))))
    await subject.install(site.provision(FACTS))
    const seen = async () => {
      const { status, headers } = (await subject.outsider?.('/', 'GET', { Cookie: 'switchyard_canary=000' })) ?? {}
      return { status, canary: headers?.['x-deployment-slot'] }
    }
    const by = { by: 'anna', since: new Date().toISOString() }
    await subject.root(
      "systemd-run --quiet --unit=reloads bash -c 'while :; do systemctl reload haproxy; sleep 0.2; done'",
    )
    try {
      for (let i = 0; i < 10; i++) {
        const live = i % 2 ? blue : green
        const idle = i % 2 ? green : blue
        const route = { slot: live.name, generation: `reloaded${i}` }
        await site.promote(live, route.generation)
        expect(await router().verify(route, { answers: 3, within: 0 }), `route ${i}`).toMatchObject({ asked: 3 })
        expect(await seen()).toEqual({ status: 200, canary: undefined })
        await site.beginCanary({ ...by, slot: idle.name, percent: 50, sticky: false }, route)
        expect(await seen(), `canary ${i}`).toEqual({ status: 200, canary: idle.name })
        await site.endCanary()
        expect(await seen(), `no canary ${i}`).toEqual({ status: 200, canary: undefined })
        await site.beginMaintenance?.({ ...by, message: `Number ${i},  soon.`, allow: ['192.0.2.0/24'], retryAfter: 5 })
        expect(await seen(), `maintenance ${i}`).toEqual({ status: 503, canary: undefined })
        await site.endMaintenance?.()
        expect(await seen(), `no maintenance ${i}`).toEqual({ status: 200, canary: undefined })
      }
    } finally {
      await subject.root('systemctl stop reloads')
      await subject.install(router().provision(FACTS))
    }
  })

  test('fails a switch that the running process refuses, and restores the route in the file', async () => {
    const route = await promoted(blue, 'g4')
    // A process that has read another file prints an error, with exit code 0.
    await subject.root(`systemctl stop haproxy; cp -p ${MAP} /root/good; echo 'dead blue.g4' > ${MAP}; systemctl start haproxy
      cp -p /root/good ${MAP}`)
    const fault = await faultOf(router().promote(green, 'g5'))
    expect(fault).toMatchObject({
      code: 'HAPROXY_SWITCH_FAILED',
      exitCode: 1,
      message: expect.stringContaining('entry not found'),
    })
    expect(await router().live()).toEqual(route)
    expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_STALE', exitCode: 3 })
    await subject.root('systemctl reload haproxy')
    await expect.poll(() => router().check().catch(String)).toEqual([])

    await subject.root('mv /run/haproxy/switchyard-life.sock /run/haproxy/away')
    expect(await faultOf(router().promote(green, 'g6'))).toMatchObject({ code: 'HAPROXY_SWITCH_FAILED' })
    expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_NOT_SET_UP' })
    await subject.root('mv /run/haproxy/away /run/haproxy/switchyard-life.sock')
    expect(await router().live()).toEqual(route)
    await promoted(green, 'g7')
  })

  test('allows a lost route to be restored: check does not refuse because of the missing file', async () => {
    await promoted(blue, 'g8')
    await subject.root(`rm ${MAP}`)
    expect(await faultOf(router().live())).toMatchObject({ code: 'ROUTE_UNREADABLE' })
    expect(await router().check()).toEqual([])
    await promoted(blue, 'g9')
    expect(await router().check()).toEqual([])
  })

  test("reports another site's broken file without refusing to switch, and refuses when its own file is broken", async () => {
    await subject.write('/etc/haproxy/switchyard/zz.cfg', 'frontend theirs\n  no_such_keyword\n')
    try {
      const [fault] = await router().check()
      expect(fault?.code).toBe('HAPROXY_OTHERS_INVALID')
      expect(fault?.message).toMatch(/refuses the configuration of another site: .*zz\.cfg:2.*no_such_keyword/)
      await promoted(green, 'g10')
    } finally {
      await subject.root('rm /etc/haproxy/switchyard/zz.cfg')
    }
    await subject.root(
      'cp /etc/haproxy/switchyard/life.cfg /root/life.cfg; echo "  no_such_keyword" >> /etc/haproxy/switchyard/life.cfg',
    )
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_CONFIG_INVALID', exitCode: 3 })
    } finally {
      await subject.root('cp /root/life.cfg /etc/haproxy/switchyard/life.cfg')
    }
  })

  test('reports in check the sudo line that is missing, and that setup has not run', async () => {
    await subject.root('mv /etc/sudoers.d/vagrant /root/sudoers')
    try {
      const fault = await faultOf(router().check())
      expect(fault.code).toBe('HAPROXY_SUDO_REFUSED')
      expect(fault.hint).toContain('vagrant ALL=(root) NOPASSWD: /usr/sbin/haproxy -c -f /etc/haproxy/haproxy.cfg -f')
    } finally {
      await subject.root('mv /root/sudoers /etc/sudoers.d/vagrant')
    }
    await subject.root('mv /etc/haproxy/switchyard /root/switchyard')
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_NOT_SET_UP', exitCode: 3 })
    } finally {
      await subject.root('mv /root/switchyard /etc/haproxy/switchyard')
    }
  })

  test('shares one address with a second application of another name, which needs no restart', async () => {
    await subject.root('install -d -o vagrant -g vagrant -m 0711 /srv/other')
    const route = await promoted(blue, 'g11')
    const main = await subject.root('systemctl show --property MainPID haproxy')
    const sudo = [...router().provision(FACTS).sudo, ...other().provision(FACTS).sudo]
    expect(await other().conflicts?.()).toEqual([])
    await subject.install({ ...other().provision(FACTS), sudo })
    expect(await subject.root('systemctl show --property MainPID haproxy')).toBe(main)
    await other().promote(green, 'o1')
    expect(await other().verify({ slot: 'green', generation: 'o1' }, LIMITS)).toMatchObject({ verified: true })
    expect(await router().answer()).toMatchObject(route)
    expect(await router().check()).toEqual([])
    expect(await router().conflicts?.()).toEqual([])
    const twin = haproxy({ site: 'Other.example', listen: 8080 }).create({ ...subject.kit(), app: 'twin' })
    expect((await bound(subject.host, twin).conflicts?.())?.map(({ code }) => code)).toEqual(['HAPROXY_NAME_TAKEN'])
  })

  test('reports a taken address as a conflict, and undoes an installation that fails on one', async () => {
    const here = haproxy({ site: 'third.example', listen: [4000, 8080] })
    const third = bound(subject.host, here.create({ ...subject.kit(), app: 'third', layout: layout('/srv/third') }))
    await subject.write('/etc/haproxy/switchyard/theirs.cfg', 'listen theirs\n  mode http\n  bind :8080 # theirs\n')
    const found = await third.conflicts?.()
    expect(found?.map(({ code }) => code)).toEqual(['HAPROXY_ADDRESS_TAKEN', 'HAPROXY_ADDRESS_TAKEN'])
    expect(found?.[0]?.message).toContain('*:8080 on life-test is taken by /etc/haproxy/switchyard/theirs.cfg:3')
    expect(found?.[1]?.message).toContain('127.0.0.1:4000 on life-test is taken by another program')
    await subject.root('rm /etc/haproxy/switchyard/theirs.cfg; install -d -o vagrant -g vagrant -m 0711 /srv/third')

    const route = await router().live()
    const before = await worker()
    await expect(subject.install(third.provision(FACTS))).rejects.toThrow(
      /did not accept the new configuration[\s\S]*Address/,
    )
    expect(await worker()).toBe(before)
    expect(await router().answer()).toMatchObject(route)
    // As a setup does after a failure: removes the files and runs `apply` again.
    await subject.root('rm /etc/haproxy/switchyard/{third,switchyard-4000,switchyard-8080}.cfg')
    for (const { text } of third.provision(FACTS).apply) await subject.root(`set -eu -o pipefail; ${text}`)
    await subject.install(router().provision(FACTS))
    expect(await router().verify(route, LIMITS)).toMatchObject({ verified: true })
  })
})

describe('HAProxy', () => {
  test('runs as before after a restart with the new configuration failed', async () => {
    await using subject = await openHaproxy()
    const router = bound(subject.host, subject.plugin.create(subject.kit()))
    const [dropIn] = router.provision(FACTS).files
    await subject.write('/etc/nginx/conf.d/theirs.conf', 'server { listen 80; return 200 "theirs\\n"; }\n')
    await subject.root(`rm -r ${dropIn?.path} /etc/haproxy/switchyard; systemctl daemon-reload; systemctl restart haproxy
      systemctl start nginx`)
    await expect(subject.install(router.provision(FACTS))).rejects.toThrow(
      /cannot bind socket \(Address already in use\)/,
    )
    expect(await subject.root('systemctl is-active haproxy; ls /etc/systemd/system/haproxy.service.d')).toBe('active\n')
    expect(await subject.root('curl -s http://127.0.0.1/')).toBe('theirs\n')
  })

  test("receives the traffic from a frontend of the user's own, with TLS", async () => {
    await using subject = await openHaproxy({ site: 'life.example', include: true, url: 'https://life.example' })
    await subject.root(`cd /etc/haproxy; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
      -subj /CN=life.example -keyout key.pem -out cert.pem 2>/dev/null; cat key.pem cert.pem > both.pem; chmod 600 *.pem`)
    const router = bound(subject.host, subject.plugin.create(subject.kit()))
    const [note = ''] = router.provision(FACTS).notes ?? []
    await subject.root(`cat >> /etc/haproxy/haproxy.cfg << 'END'
frontend mine
  bind *:443 ssl crt /etc/haproxy/both.pem
  http-request auth realm mine if { path /closed }
  ${note.slice(note.indexOf('use_backend '))}
END
      haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/switchyard && systemctl reload haproxy`)
    await router.promote(green, 'g1')
    expect(await router.verify({ slot: 'green', generation: 'g1' }, LIMITS)).toMatchObject({ verified: true })
    expect((await router.fetch('/headers')).body).toContain('x_forwarded_proto=https;')
    expect(router.site).toEqual({ host: 'life.example', https: true })
    expect(await router.check('/')).toEqual([])
    expect(await faultOf(router.check('/closed'))).toMatchObject({
      code: 'HAPROXY_GUARDED',
      message: expect.stringContaining('401'),
    })
    expect(await router.conflicts?.()).toEqual([])
  })
})
