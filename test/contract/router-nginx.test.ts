import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NginxOptions, nginx } from '../../plugins/router/nginx/nginx.ts'
import { maintenanceBlock } from '../../plugins/router/nginx/templates.ts'
import { layout } from '../../slots/layout.ts'
import { maintaining } from '../../slots/maintenance/site.ts'
import { bound } from '../support/bound.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { blue, FACTS, green, headersSeen, type RouterHost, raw, startRouterHost } from '../support/router-host.ts'
import { routerContract } from './router.ts'

function openNginx(options: NginxOptions): Promise<RouterHost> {
  const link = options.mode === 'reload' ? '/etc/nginx/sites-enabled/life.conf' : '/srv/life/router/live'
  return startRouterHost({
    plugin: nginx(options),
    generations: options.mode !== 'reload',
    ...(options.mode !== 'reload' && {
      canary: nginx({ ...options, canary: true } as NginxOptions),
      assets: {
        plugin: nginx({ ...options, assets: { path: '/assets/', folder: 'public', keep: 1 } } as NginxOptions),
        keeps: true,
      },
    }),
    configured: more => nginx({ ...options, ...more } as NginxOptions),
    unit: 'nginx',
    spoil: `mv -T ${link} /root/good && ln -s somewhere/else ${link}`,
    mend: `rm ${link} && mv -T /root/good ${link}`,
  })
}

routerContract('nginx by a live link', () => openNginx({ site: 'life.example' }))
routerContract('nginx by reload', () => openNginx({ site: 'life.example', mode: 'reload' }))

describe.each(['link', 'reload'] as const)('the site of nginx by %s', mode => {
  let subject: RouterHost
  const router = () => bound(subject.host, subject.plugin.create(subject.kit()))
  beforeAll(async () => {
    subject = await openNginx({ site: 'life.example', mode })
    await router().promote(blue, 'g1')
    await router().verify({ slot: 'blue', generation: 'g1' }, { answers: 5, within: 20_000 })
  })
  afterAll(() => subject?.[Symbol.asyncDispose]())
  const headers = (...more: string[]) => headersSeen(subject, ...more, 'Connection: close')

  test('passes on the client address, the protocol and the host to the application', async () => {
    const seen = await headers('X-Forwarded-For: 192.0.2.1')
    expect(seen).toMatchObject({
      host: 'life.example:8080',
      x_forwarded_proto: 'http',
      x_forwarded_host: 'life.example:8080',
    })
    expect(seen.x_forwarded_for).toBe(seen.x_real_ip)
    expect(seen.x_real_ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  })

  test('upgrades only a client that asks for WebSockets', async () => {
    expect(await headers()).toMatchObject({ upgrade: '', connection: 'close' })
    expect(await headers('Upgrade: WebSocket')).toMatchObject({ upgrade: 'websocket', connection: 'upgrade' })
    expect(await headers('Upgrade: h2c')).toMatchObject({ upgrade: '', connection: 'close' })
  })

  test('serves /deployment_id as plain text with no-store', async () => {
    const answer = await raw(
      subject.machine.httpPort,
      'GET /deployment_id HTTP/1.1\r\nHost: life.example\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/^Content-Type: text\/plain\r$/m)
    expect(answer).toMatch(/^Cache-Control: no-store\r$/m)
    expect(answer.split('\r\n\r\n')[1]).toBe('blue\n')
  })

  test("reports in check a configuration that nginx refuses, with nginx's own line", async () => {
    await subject.write('/etc/nginx/conf.d/broken.conf', 'no_such_directive on;\n')
    try {
      // Without a reload, another site's mistake does not stop a switch: it is only reported.
      const fault = mode === 'link' ? (await router().check())[0] : await faultOf(router().check())
      expect(fault?.code).toBe(mode === 'link' ? 'NGINX_OTHERS_INVALID' : 'NGINX_CONFIG_INVALID')
      expect(fault?.message).toContain('unknown directive "no_such_directive" in /etc/nginx/conf.d/broken.conf:1')
    } finally {
      await subject.root('rm /etc/nginx/conf.d/broken.conf')
    }
  })

  test('reports in check the sudo line that is missing when sudo asks for a password', async () => {
    await subject.root('mv /etc/sudoers.d/vagrant /root/sudoers')
    try {
      const fault = await faultOf(router().check())
      expect(fault.code).toBe('NGINX_SUDO_REFUSED')
      expect(fault.hint).toContain('vagrant ALL=(root) NOPASSWD: /usr/sbin/nginx -t')
    } finally {
      await subject.root('mv /root/sudoers /etc/sudoers.d/vagrant')
    }
  })

  test('reports in check that setup has not run when the site is unknown', async () => {
    await subject.root('mv /etc/nginx/switchyard /root/switchyard')
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'NGINX_NOT_SET_UP', exitCode: 3 })
    } finally {
      await subject.root('mv /root/switchyard /etc/nginx/switchyard')
    }
  })

  test('cannot be put into maintenance as an earlier version installed it, but switched, until setup has run', async () => {
    const provision = router().provision(FACTS)
    const block = maintenanceBlock('/srv/life/router', mode === 'link' ? '' : '    ')
    const files = provision.files.map(file => ({ ...file, text: file.text.replace(block, '') }))
    await subject.install({ ...provision, files })
    try {
      const site = bound(subject.host, maintaining(subject.plugin.create(subject.kit())))
      const wanted = { by: 'me', since: new Date().toISOString(), message: 'x', allow: [], retryAfter: 1 }
      const fault = await faultOf(site.beginMaintenance(wanted))
      expect(fault).toMatchObject({ code: 'MAINTENANCE_NOT_SET_UP', exitCode: 3 })
      expect(fault.message).toMatch(/\/etc\/nginx\/switchyard\/life\S*\.conf is missing, or/)
      expect(fault.hint).toContain('npx task setup')
      expect(await site.outside('/')).toEqual({ status: 200, maintenance: false })
      await site.endMaintenance()
      for (const slot of [green, blue]) {
        await router().promote(slot, 'old1')
        const route = { slot: slot.name, generation: 'old1' }
        expect(await router().verify(route, { answers: 5, within: 20_000 })).toMatchObject({ verified: true })
      }
      expect(await router().check('/')).toEqual([])
    } finally {
      await subject.install(provision)
    }
  })

  test('answers on another port as soon as its configuration is applied, and no longer on the one before', async () => {
    const provision = router().provision(FACTS)
    const on = (port: number) => nginx({ site: 'life.example', mode, listen: port }).create(subject.kit())
    const ports = [8090, 8091, 8090, 8091]
    try {
      const seen = []
      for (const port of ports) {
        await subject.install(bound(subject.host, on(port)).provision(FACTS))
        // Sixteen at once, so that a worker of the configuration before would get some of them.
        seen.push(
          await subject.root(`for port in 8090 8091; do
            for i in {1..16}; do curl -s -o /dev/null -w '%{http_code}\\n' -H 'Host: life.example' http://127.0.0.1:$port/deployment_id & done; wait
          done | sort | uniq -c | tr -s ' \\n' ' '`),
        )
      }
      expect(seen).toEqual(ports.map(() => ' 16 000 16 200 '))
    } finally {
      await subject.install(provision)
    }
  })

  test('says that nginx goes on as before if another program has the port, which `nginx -t` does not see', async () => {
    const provision = router().provision(FACTS)
    const taken = nginx({ site: 'life.example', mode, listen: 8092 }).create(subject.kit())
    await subject.root('systemd-run --quiet --unit taken --socket-property ListenStream=8092 true')
    try {
      await expect(subject.install(bound(subject.host, taken).provision(FACTS))).rejects.toThrow(
        /bind\(\) to \S+:8092 failed[\s\S]*did not take over the changed configuration/,
      )
      expect((await router().fetch('/deployment_id')).body).toBe('blue\n')
    } finally {
      await subject.root('systemctl stop taken.socket')
      await subject.install(provision)
    }
  })

  test('shares one nginx with a second application', async () => {
    const other = { ...subject.kit(), app: 'other', layout: layout('/srv/other') }
    await subject.root('install -d -o vagrant -g vagrant -m 0711 /srv/other')
    const second = bound(subject.host, nginx({ site: 'other.example', mode }).create(other))
    const lines = [...router().provision(FACTS).sudo, ...second.provision(FACTS).sudo]
    await subject.install({ ...second.provision(FACTS), sudo: lines })
    await second.promote(green, 'o1')
    expect(await second.verify({ slot: 'green', generation: 'o1' }, { answers: 5, within: 20_000 })).toMatchObject({
      verified: true,
    })
    expect(await router().answer()).toMatchObject({ slot: 'blue' })
    await router().check()
  })
})

describe('nginx by reload', () => {
  test('never reloads a configuration that nginx refuses, and restores the link without a reload', async () => {
    await using subject = await openNginx({ site: 'life.example', mode: 'reload' })
    const router = bound(subject.host, subject.plugin.create(subject.kit()))
    await router.promote(blue, 'g1')
    const before = await router.live()
    await subject.write('/etc/nginx/switchyard/life.green.conf', 'server { listen 80\n')
    const reloads = () => subject.root("journalctl --sync; journalctl -u nginx -o cat | grep '^Reload'")
    const seen = await reloads()
    expect(await faultOf(router.promote(green, 'g2'))).toMatchObject({ code: 'NGINX_CONFIG_INVALID' })
    expect(await router.live()).toEqual(before)
    expect(await reloads()).toBe(seen)
    await router.restore(before)
    expect(await reloads()).toBe(seen)
    // A successful switch does reload, which shows that `reloads` finds them.
    await router.restore({ slot: undefined, generation: undefined })
    expect(await reloads()).not.toBe(seen)
    expect(await subject.root('ls /etc/nginx/sites-enabled')).toBe('life.conf\n')
  })
})

describe('nginx by a live link', () => {
  test('answers with a slot and a generation that belong together, however often the link moves', async () => {
    await using subject = await openNginx({ site: 'life.example' })
    const router = bound(subject.host, subject.plugin.create(subject.kit()))
    await router.promote(blue, 'blue-0')
    const url = `http://127.0.0.1:${subject.machine.httpPort}/deployment_id`
    const seen = new Set<string>()
    const mixed: string[] = []
    let over = false
    const asking = Array.from({ length: 4 }, async () => {
      while (!over) {
        const answer = await fetch(url, { headers: { connection: 'close' } })
        const slot = (await answer.text()).trim()
        const generation = answer.headers.get('x-deployment-generation') ?? 'none'
        seen.add(`${slot} ${generation}`)
        if (answer.status !== 200 || !generation.startsWith(`${slot}-`))
          mixed.push(`${answer.status} ${slot} ${generation}`)
      }
    })
    try {
      for (let i = 1; i <= 20; i++) {
        const slot = i % 2 ? green : blue
        await router.promote(slot, `${slot.name}-${i}`)
      }
    } finally {
      over = true
      await Promise.all(asking)
    }
    expect(mixed).toEqual([])
    expect(seen.size).toBeGreaterThan(5)
    expect((await subject.root('ls /srv/life/router')).split('\n').filter(name => name.includes('.')).length).toBe(5)
  })

  test("works in a server block of the user's own, with TLS", async () => {
    const site = { site: 'life.example', include: true, url: 'https://life.example' }
    await using subject = await openNginx(site)
    await subject.root(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=life.example \
      -keyout /etc/nginx/key.pem -out /etc/nginx/cert.pem 2>/dev/null`)
    const router = bound(subject.host, subject.plugin.create(subject.kit()))
    const [note = ''] = router.provision(FACTS).notes ?? []
    await subject.write(
      '/etc/nginx/conf.d/mine.conf',
      `server {
        listen 443 ssl;
        server_name life.example;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ${note.slice(note.indexOf('include '))}
        location /mine { return 200 "port $switchyard_port\\n"; }
      }`,
    )
    await subject.root(RELOAD_NGINX)
    await router.promote(green, 'g1')
    expect(await router.verify({ slot: 'green', generation: 'g1' }, { answers: 3, within: 20_000 })).toMatchObject({
      verified: true,
    })
    expect((await router.fetch('/headers')).body).toContain('x_forwarded_proto=https;')
    expect(await router.fetch('/mine')).toEqual({ status: 200, body: 'port 5000\n' })
  })
})
