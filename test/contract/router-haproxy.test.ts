import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HaproxyOptions, haproxy } from '../../plugins/router/haproxy/haproxy.ts'
import type { Slot } from '../../slots/contracts.ts'
import { layout } from '../../slots/layout.ts'
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
    unit: 'haproxy',
    spoil: `mv -T ${MAP} /root/good && echo 'live somewhere.else' > ${MAP}`,
    mend: `mv -T /root/good ${MAP}`,
    prepare: installHaproxy,
  })

routerContract('HAProxy by a map', () => openHaproxy())

describe('the site of HAProxy', () => {
  let it: RouterHost
  const router = () => bound(it.host, it.plugin.create(it.kit()))
  const promoted = async (slot: Slot, generation: string) => {
    await router().promote(slot, generation)
    const route = { slot: slot.name, generation }
    expect(await router().verify(route, LIMITS)).toMatchObject({ verified: true })
    return route
  }
  const worker = () =>
    it.root("echo 'show info' | socat - UNIX-CONNECT:/run/haproxy/switchyard-life.sock | grep '^Pid: '")
  const other = () =>
    bound(
      it.host,
      haproxy({ site: 'other.example' }).create({ ...it.kit(), app: 'other', layout: layout('/srv/other') }),
    )
  beforeAll(async () => {
    it = await openHaproxy()
    await promoted(blue, 'g1')
  })
  afterAll(() => it?.[Symbol.asyncDispose]())
  const headers = (...more: string[]) => headersSeen(it, ...more)

  test("nothing of the host's own configuration is changed", async () => {
    expect(await it.root('dpkg --verify haproxy | grep /etc/ || :')).toBe('')
  })

  test('the application learns who asks, how, and for which host', async () => {
    const seen = await headers('X-Forwarded-For: 192.0.2.1', 'Connection: close')
    expect(seen).toMatchObject({
      host: 'life.example:8080',
      x_forwarded_proto: 'http',
      x_forwarded_host: 'life.example:8080',
    })
    expect(seen.x_forwarded_for).toBe(`192.0.2.1, ${seen.x_real_ip}`)
    expect(seen.x_real_ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  })

  test('only a client that asks for WebSockets is upgraded', async () => {
    const key = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']
    expect(await headers('Connection: close')).toMatchObject({ upgrade: '' })
    // nginx, the application here, upgrades nobody, and closes: so that an answer ends.
    expect(await headers('Connection: close, upgrade', 'Upgrade: websocket', ...key)).toMatchObject({
      upgrade: 'websocket',
    })
    expect(await headers('Connection: close, upgrade', 'Upgrade: h2c')).toMatchObject({ upgrade: '' })
  })

  test('/deployment_id is a text that nobody keeps, and a request for another name gets nothing of the site', async () => {
    const asked = (host: string) =>
      raw(it.machine.httpPort, `GET /deployment_id HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    const answer = await asked('LIFE.example')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/^content-type: text\/plain\r$/m)
    expect(answer).toMatch(/^cache-control: no-store\r$/m)
    expect(answer.split('\r\n\r\n')[1]).toBe('blue\n')
    expect(await asked('nobody.example')).toMatch(/^HTTP\/1\.\d 503 [\s\S]*No server is available/)
  })

  test('F46 a restart, a reload and a kill keep the route, and no promote starts another process', async () => {
    const route = await promoted(green, 'g2')
    const before = await worker()
    for (const command of [
      'systemctl restart haproxy',
      'systemctl reload haproxy',
      'systemctl kill --signal KILL haproxy; sleep 1; systemctl is-active haproxy',
    ]) {
      await it.root(command)
      expect(await router().live()).toEqual(route)
      expect(await router().verify(route, LIMITS), command).toMatchObject({ verified: true })
      expect(await router().check()).toEqual([])
    }
    const after = await worker()
    expect(after).not.toBe(before)
    await promoted(blue, 'g3')
    expect(await worker()).toBe(after)
  })

  test('a switch that the running process does not take fails, and the file says the route before it again', async () => {
    const route = await promoted(blue, 'g4')
    // A process that has read another file: it answers in words, with exit code 0.
    await it.root(`systemctl stop haproxy; cp -p ${MAP} /root/good; echo 'dead blue.g4' > ${MAP}; systemctl start haproxy
      cp -p /root/good ${MAP}`)
    const fault = await faultOf(router().promote(green, 'g5'))
    expect(fault).toMatchObject({
      code: 'HAPROXY_SWITCH_FAILED',
      exitCode: 1,
      message: expect.stringContaining('entry not found'),
    })
    expect(await router().live()).toEqual(route)
    expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_STALE', exitCode: 3 })
    await it.root('systemctl reload haproxy')
    await expect.poll(() => router().check().catch(String)).toEqual([])

    await it.root('mv /run/haproxy/switchyard-life.sock /run/haproxy/away')
    expect(await faultOf(router().promote(green, 'g6'))).toMatchObject({ code: 'HAPROXY_SWITCH_FAILED' })
    expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_NOT_SET_UP' })
    await it.root('mv /run/haproxy/away /run/haproxy/switchyard-life.sock')
    expect(await router().live()).toEqual(route)
    await promoted(green, 'g7')
  })

  test('a lost route can be put back: check refuses nothing that only the file is the cause of', async () => {
    await promoted(blue, 'g8')
    await it.root(`rm ${MAP}`)
    expect(await faultOf(router().live())).toMatchObject({ code: 'ROUTE_UNREADABLE' })
    expect(await router().check()).toEqual([])
    await promoted(blue, 'g9')
    expect(await router().check()).toEqual([])
  })

  test("another's broken file is told and keeps nothing from moving; one of ours does", async () => {
    await it.write('/etc/haproxy/switchyard/zz.cfg', 'frontend theirs\n  no_such_keyword\n')
    try {
      const [fault] = await router().check()
      expect(fault?.code).toBe('HAPROXY_OTHERS_INVALID')
      expect(fault?.message).toMatch(/refuses the configuration of another site: .*zz\.cfg:2.*no_such_keyword/)
      await promoted(green, 'g10')
    } finally {
      await it.root('rm /etc/haproxy/switchyard/zz.cfg')
    }
    await it.root(
      'cp /etc/haproxy/switchyard/life.cfg /root/life.cfg; echo "  no_such_keyword" >> /etc/haproxy/switchyard/life.cfg',
    )
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_CONFIG_INVALID', exitCode: 3 })
    } finally {
      await it.root('cp /root/life.cfg /etc/haproxy/switchyard/life.cfg')
    }
  })

  test('check says which line sudo needs, and that setup has not run', async () => {
    await it.root('mv /etc/sudoers.d/vagrant /root/sudoers')
    try {
      const fault = await faultOf(router().check())
      expect(fault.code).toBe('HAPROXY_SUDO_REFUSED')
      expect(fault.hint).toContain('vagrant ALL=(root) NOPASSWD: /usr/sbin/haproxy -c -f /etc/haproxy/haproxy.cfg -f')
    } finally {
      await it.root('mv /root/sudoers /etc/sudoers.d/vagrant')
    }
    await it.root('mv /etc/haproxy/switchyard /root/switchyard')
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'HAPROXY_NOT_SET_UP', exitCode: 3 })
    } finally {
      await it.root('mv /root/switchyard /etc/haproxy/switchyard')
    }
  })

  test('two applications share one address, each under its name, and the second needs no restart', async () => {
    await it.root('install -d -o vagrant -g vagrant -m 0711 /srv/other')
    const route = await promoted(blue, 'g11')
    const main = await it.root('systemctl show --property MainPID haproxy')
    const sudo = [...router().provision(FACTS).sudo, ...other().provision(FACTS).sudo]
    expect(await other().conflicts?.()).toEqual([])
    await it.install({ ...other().provision(FACTS), sudo })
    expect(await it.root('systemctl show --property MainPID haproxy')).toBe(main)
    await other().promote(green, 'o1')
    expect(await other().verify({ slot: 'green', generation: 'o1' }, LIMITS)).toMatchObject({ verified: true })
    expect(await router().answer()).toMatchObject(route)
    expect(await router().check()).toEqual([])
    expect(await router().conflicts?.()).toEqual([])
    const twin = haproxy({ site: 'Other.example', listen: 8080 }).create({ ...it.kit(), app: 'twin' })
    expect((await bound(it.host, twin).conflicts?.())?.map(({ code }) => code)).toEqual(['HAPROXY_NAME_TAKEN'])
  })

  test('an address that is taken is told before anything is changed, and one that only shows itself then is taken back', async () => {
    const here = haproxy({ site: 'third.example', listen: [4000, 8080] })
    const third = bound(it.host, here.create({ ...it.kit(), app: 'third', layout: layout('/srv/third') }))
    await it.write('/etc/haproxy/switchyard/theirs.cfg', 'listen theirs\n  mode http\n  bind :8080 # theirs\n')
    const found = await third.conflicts?.()
    expect(found?.map(({ code }) => code)).toEqual(['HAPROXY_ADDRESS_TAKEN', 'HAPROXY_ADDRESS_TAKEN'])
    expect(found?.[0]?.message).toContain('*:8080 on life-test is taken by /etc/haproxy/switchyard/theirs.cfg:3')
    expect(found?.[1]?.message).toContain('127.0.0.1:4000 on life-test is taken by another program')
    await it.root('rm /etc/haproxy/switchyard/theirs.cfg; install -d -o vagrant -g vagrant -m 0711 /srv/third')

    const route = await router().live()
    const before = await worker()
    await expect(it.install(third.provision(FACTS))).rejects.toThrow(/did not take the new configuration[\s\S]*Address/)
    expect(await worker()).toBe(before)
    expect(await router().answer()).toMatchObject(route)
    // What a setup does then: the files go, and what was made is run again.
    await it.root('rm /etc/haproxy/switchyard/{third,switchyard-4000,switchyard-8080}.cfg')
    for (const { text } of third.provision(FACTS).apply) await it.root(`set -eu -o pipefail; ${text}`)
    await it.install(router().provision(FACTS))
    expect(await router().verify(route, LIMITS)).toMatchObject({ verified: true })
  })
})

describe('HAProxy alone', () => {
  test('a restart that fails is taken back, and haproxy runs as it did before', async () => {
    await using it = await openHaproxy()
    const router = bound(it.host, it.plugin.create(it.kit()))
    const [dropIn] = router.provision(FACTS).files
    await it.write('/etc/nginx/conf.d/theirs.conf', 'server { listen 80; return 200 "theirs\\n"; }\n')
    await it.root(`rm -r ${dropIn?.path} /etc/haproxy/switchyard; systemctl daemon-reload; systemctl restart haproxy
      systemctl start nginx`)
    await expect(it.install(router.provision(FACTS))).rejects.toThrow(/cannot bind socket \(Address already in use\)/)
    expect(await it.root('systemctl is-active haproxy; ls /etc/systemd/system/haproxy.service.d')).toBe('active\n')
    expect(await it.root('curl -s http://127.0.0.1/')).toBe('theirs\n')
  })

  test("a frontend of the user's own, with TLS, sends the traffic to ours", async () => {
    await using it = await openHaproxy({ site: 'life.example', include: true, url: 'https://life.example' })
    await it.root(`cd /etc/haproxy; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
      -subj /CN=life.example -keyout key.pem -out cert.pem 2>/dev/null; cat key.pem cert.pem > both.pem; chmod 600 *.pem`)
    const router = bound(it.host, it.plugin.create(it.kit()))
    const [note = ''] = router.provision(FACTS).notes ?? []
    await it.root(`cat >> /etc/haproxy/haproxy.cfg << 'END'
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
