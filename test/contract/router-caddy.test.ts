import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CaddyOptions, caddy } from '../../plugins/router/caddy/caddy.ts'
import type { Slot } from '../../slots/contracts.ts'
import { layout } from '../../slots/layout.ts'
import { maintaining } from '../../slots/maintenance/site.ts'
import { bound } from '../support/bound.ts'
import { installCaddy } from '../support/caddy.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { blue, FACTS, green, headersSeen, type RouterHost, raw, startRouterHost } from '../support/router-host.ts'
import { routerContract } from './router.ts'

const ROUTER = '/srv/life/router'
const OURS = '/etc/caddy/switchyard/life.caddy'
const LIMITS = { answers: 5, within: 20_000 }

const openCaddy = (options: Partial<CaddyOptions> = {}): Promise<RouterHost> =>
  startRouterHost({
    plugin: caddy({ site: 'life.example', url: 'http://life.example', ...options }),
    generations: true,
    assets: {
      plugin: caddy({
        site: 'life.example',
        url: 'http://life.example',
        ...options,
        assets: { path: '/assets/', folder: 'public', keep: 1 },
      }),
      keeps: true,
    },
    configured: more => caddy({ site: 'life.example', url: 'http://life.example', ...options, ...more }),
    canary: caddy({ site: 'life.example', url: 'http://life.example', ...options, canary: true }),
    unit: 'caddy',
    spoil: `cp -P ${ROUTER}/live /root/good && ln -sfn somewhere.else ${ROUTER}/live`,
    mend: `mv -T /root/good ${ROUTER}/live`,
    prepare: installCaddy,
  })

routerContract('Caddy by a link', () => openCaddy())

describe('the site of Caddy', () => {
  let subject: RouterHost
  const router = () => bound(subject.host, subject.plugin.create(subject.kit()))
  const promoted = async (slot: Slot, generation: string) => {
    await router().promote(slot, generation)
    const route = { slot: slot.name, generation }
    expect(await router().verify(route, LIMITS)).toMatchObject({ verified: true })
    return route
  }
  const asked = (host: string) =>
    raw(subject.machine.httpPort, `GET /deployment_id HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const welcome = async () => (await subject.root('curl -s -H "Host: welcome.example" http://127.0.0.1/')).slice(0, 200)
  beforeAll(async () => {
    subject = await openCaddy()
    await promoted(blue, 'g1')
  })
  afterAll(() => subject?.[Symbol.asyncDispose]())
  const headers = (...more: string[]) => headersSeen(subject, ...more)

  test('cannot be put into maintenance as an earlier version installed it, but switched, until setup has run', async () => {
    const provision = router().provision(FACTS)
    const files = provision.files.map(file => ({
      ...file,
      text: file.text.replace(/\t# Maintenance of the site[\s\S]*?(?=\t\t# Caddy lists)/, ''),
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

  test("nothing of the host's own configuration is changed, and another site of the same Caddy is served as before", async () => {
    const [sum, packaged] = [
      'head -n -1 /etc/caddy/Caddyfile | md5sum | cut -d " " -f 1',
      "dpkg-query --status caddy | sed -n 's|^ /etc/caddy/Caddyfile ||p'",
    ]
    expect(await subject.root(sum)).toBe(await subject.root(packaged))
    expect(await welcome()).toContain('<title>Caddy works!</title>')
    expect(await asked('nobody.example')).not.toContain('blue')
  })

  test('the application learns who asks, how, and for which host', async () => {
    const seen = await headers('X-Forwarded-For: 192.0.2.1', 'Connection: close')
    expect(seen).toMatchObject({
      host: 'life.example:8080',
      x_forwarded_proto: 'http',
      x_forwarded_host: 'life.example:8080',
    })
    // Caddy drops what a client says of others unless it is told whom to trust.
    expect(seen.x_forwarded_for).toBe(seen.x_real_ip)
    expect(seen.x_real_ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  })

  test('only a client that asks for WebSockets is upgraded', async () => {
    const key = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']
    expect(await headers('Connection: close')).toMatchObject({ upgrade: '' })
    // nginx, the application here, upgrades nobody, and closes: so that an answer ends.
    expect(await headers('Connection: close, upgrade', 'Upgrade: WebSocket', ...key)).toMatchObject({
      upgrade: expect.stringMatching(/^websocket$/i),
    })
    expect(await headers('Connection: close, upgrade', 'Upgrade: h2c')).toMatchObject({ upgrade: '' })
  })

  test('/deployment_id is a text that nobody keeps', async () => {
    await promoted(blue, 'g2')
    const answer = await asked('LIFE.example')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/^content-type: text\/plain/im)
    expect(answer).toMatch(/^cache-control: no-store\r$/im)
    expect(answer).toMatch(/^x-deployment-generation: g2\r$/im)
    expect(answer.split('\r\n\r\n')[1]).toBe('blue\n')
  })

  test('F46 a restart, a reload and a kill keep the route, and no promote starts or reloads anything', async () => {
    const route = await promoted(green, 'g2')
    for (const command of [
      'systemctl restart caddy',
      'systemctl reload caddy',
      'systemctl kill --signal KILL caddy; sleep 1; systemctl reset-failed caddy; systemctl start caddy',
    ]) {
      await subject.root(command)
      expect(await router().live()).toEqual(route)
      expect(await router().verify(route, LIMITS), command).toMatchObject({ verified: true })
      expect(await router().check()).toEqual([])
    }
    const state = () =>
      subject.root('systemctl show --property MainPID,ActiveEnterTimestamp caddy; journalctl -u caddy | wc -l')
    const before = await state()
    await promoted(blue, 'g3')
    expect(await state()).toBe(before)
  })

  test('an edit of the state by somebody else is found, and never a slot', async () => {
    await promoted(blue, 'g5')
    await subject.root(`mv ${ROUTER}/blue.g5/blue.g5 /root/marker`)
    const fault = await faultOf(router().live())
    expect(fault).toMatchObject({
      code: 'ROUTE_UNREADABLE',
      message: expect.stringContaining('blue.g5/blue.g5 does not exist'),
    })
    expect(await router().answer()).toMatchObject({ slot: undefined, status: 503 })
    // A repair promotes: what keeps it from that would keep the site down.
    expect(await router().check()).toEqual([])
    await promoted(blue, 'g6')
    expect(await router().live()).toEqual({ slot: 'blue', generation: 'g6' })
  })

  test('a link that another router moved is served after a setup', async () => {
    await subject.root(
      `runuser -u vagrant -- bash -c 'cd ${ROUTER}; mkdir green.n1; : > green.n1/green; ln -sfn green.n1 live'`,
    )
    await subject.install(router().provision(FACTS))
    const route = { slot: 'green', generation: 'n1' }
    expect(await router().live()).toEqual(route)
    expect(await router().verify(route, LIMITS)).toMatchObject({ verified: true })
  })

  test("another's broken Caddyfile is told and keeps nothing from moving; a setup refuses it, and Caddy goes on; ours is refused", async () => {
    await subject.root(
      'cp -p /etc/caddy/Caddyfile /root/Caddyfile; printf "theirs.example {\\n\\tno_such_directive\\n}\\n" >> /etc/caddy/Caddyfile',
    )
    try {
      const [fault] = await router().check()
      expect(fault?.code).toBe('CADDY_OTHERS_INVALID')
      expect(fault?.message).toMatch(/that is not ours: \/etc\/caddy\/Caddyfile:\d+: .*no_such_directive/)
      await promoted(green, 'g7')
      await expect(subject.install(router().provision(FACTS))).rejects.toThrow(/no_such_directive/)
      await promoted(blue, 'g8')
      expect(await welcome()).toContain('Caddy works')
    } finally {
      await subject.root('mv /root/Caddyfile /etc/caddy/Caddyfile')
    }
    await subject.root(`cp ${OURS} /root/ours; sed -i 's/^\\troute {/\\tno_such_directive\\n&/' ${OURS}`)
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'CADDY_CONFIG_INVALID', exitCode: 3 })
    } finally {
      await subject.root(`cp /root/ours ${OURS}`)
    }
    expect(await router().check()).toEqual([])
  })

  test('check says which line sudo needs, that setup has not run, and that Caddy does not serve the site', async () => {
    await subject.root('mv /etc/sudoers.d/vagrant /root/sudoers')
    try {
      const fault = await faultOf(router().check())
      expect(fault.code).toBe('CADDY_SUDO_REFUSED')
      expect(fault.hint).toContain('vagrant ALL=(root) NOPASSWD: /usr/bin/setpriv --reuid caddy --regid caddy')
    } finally {
      await subject.root('mv /root/sudoers /etc/sudoers.d/vagrant')
    }
    await subject.root(`mv ${OURS} /root/ours; systemctl reload caddy`)
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'CADDY_NOT_SET_UP', exitCode: 3 })
      await subject.root(`cp /root/ours ${OURS}`)
      const fault = await faultOf(router().check())
      expect(fault).toMatchObject({
        code: 'CADDY_NOT_SERVED',
        exitCode: 3,
        message: expect.stringContaining('answers 404'),
      })
    } finally {
      await subject.root(`cp /root/ours ${OURS}; systemctl reload caddy`)
    }
    expect(await router().check()).toEqual([])
  })

  test('a Caddyfile that does not import ours, and one that has the name, are told before anything is changed', async () => {
    expect(await router().conflicts?.()).toEqual([])
    await subject.root(`cp -p /etc/caddy/Caddyfile /root/Caddyfile; sed -i '/^import/d' /etc/caddy/Caddyfile
      printf '\\nhttp://Life.example {\\n\\trespond theirs\\n}\\n' >> /etc/caddy/Caddyfile`)
    try {
      const found = await router().conflicts?.()
      expect(found?.map(({ code }) => code)).toEqual(['CADDY_NOT_IMPORTED', 'CADDY_NAME_TAKEN'])
      expect(found?.[0]?.hint).toContain('import /etc/caddy/switchyard/*.caddy')
      expect(found?.[1]?.message).toMatch(/\/etc\/caddy\/Caddyfile:\d+\.$/)
      await expect(subject.install(router().provision(FACTS))).rejects.toThrow(/does not import our file/)
    } finally {
      await subject.root('mv /root/Caddyfile /etc/caddy/Caddyfile')
    }
    await subject.install(router().provision(FACTS))
  })

  test('two applications share one Caddy, each under its name', async () => {
    const plugin = caddy({ site: 'other.example', url: 'http://other.example' })
    const kit = { ...subject.kit(), app: 'other', layout: layout('/srv/other') }
    const other = bound(subject.host, plugin.create(kit))
    await subject.root('install -d -o vagrant -g vagrant -m 0711 /srv/other')
    const route = await promoted(blue, 'g9')
    const sudo = [...router().provision(FACTS).sudo, ...other.provision(FACTS).sudo]
    expect(await other.conflicts?.()).toEqual([])
    await subject.install({ ...other.provision(FACTS), sudo })
    await other.promote(green, 'o1')
    expect(await other.verify({ slot: 'green', generation: 'o1' }, LIMITS)).toMatchObject({ verified: true })
    expect(await router().answer()).toMatchObject(route)
    expect(await router().check()).toEqual([])
    const twin = caddy({ site: 'Other.example', url: 'http://Other.example' }).create({ ...subject.kit(), app: 'twin' })
    expect((await bound(subject.host, twin).conflicts?.())?.map(({ code }) => code)).toEqual(['CADDY_NAME_TAKEN'])
  })

  test("a site block of the user's own, with TLS, imports ours", async () => {
    const options = { site: 'mine.example', include: true }
    const kit = { ...subject.kit(), app: 'mine', layout: layout('/srv/mine') }
    const mine = bound(subject.host, caddy(options).create(kit))
    await subject.root('install -d -o vagrant -g vagrant -m 0711 /srv/mine')
    await subject.install(mine.provision(FACTS))
    const [note = ''] = mine.provision(FACTS).notes ?? []
    await subject.root(`cat >> /etc/caddy/Caddyfile << 'END'
mine.example {
  tls internal
  @closed path /closed
  basicauth @closed {
    me JDJhJDE0JGV4YW1wbGUuZXhhbXBsZS5leGFtcGxlZXhhbXBsZWV4YW1wbGVleGFtcGxlZXhhbXBsZQ==
  }
  ${note.slice(note.indexOf('import '))}
}
END
      systemctl reload caddy`)
    await mine.promote(green, 'm1')
    expect(await mine.verify({ slot: 'green', generation: 'm1' }, LIMITS)).toMatchObject({ verified: true })
    expect((await mine.fetch('/headers')).body).toContain('x_forwarded_proto=https;')
    expect(mine.site).toEqual({ host: 'mine.example', https: true })
    expect(await mine.check('/')).toEqual([])
    expect(await faultOf(mine.check('/closed'))).toMatchObject({
      code: 'CADDY_GUARDED',
      message: expect.stringContaining('401'),
    })
    expect(await mine.conflicts?.()).toEqual([])
  })
})
