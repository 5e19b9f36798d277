import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quote } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { type NginxOptions, nginx } from '../../plugins/router/nginx/nginx.ts'
import type { Provision, Slot } from '../../slots/contracts.ts'
import { layout } from '../../slots/layout.ts'
import { bound } from '../support/bound.ts'
import { startHost, type TestHost } from '../support/host.ts'
import { faultOf, pluginKit } from '../support/plugin-kit.ts'
import { type RouterUnderTest, routerContract } from './router.ts'

const blue: Slot = { name: 'blue', port: 4000, env: {} }
const green: Slot = { name: 'green', port: 5000, env: {} }
const FACTS = { user: 'vagrant', group: 'vagrant' }

/** The two applications: an nginx of their own that says which one it is, and which headers it was sent. */
const application = ({ name, port }: Slot) => `
pid /run/app-${name}.pid;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    default_type text/plain;
    location = /missing { return 404 "${name} $request_uri\\n"; }
    location = /headers { return 200 "${[
      'host',
      'connection',
      'upgrade',
      'x_real_ip',
      'x_forwarded_for',
      'x_forwarded_proto',
      'x_forwarded_host',
    ]
      .map(header => `${header}=$http_${header};`)
      .join('')}"; }
    location / { return 200 "${name} $request_uri\\n"; }
  }
}
`

interface NginxHost extends RouterUnderTest {
  readonly machine: TestHost
  readonly root: (command: string) => Promise<string>
  readonly write: (path: string, text: string) => Promise<void>
}

async function openNginx(options: NginxOptions): Promise<NginxHost> {
  const machine = await startHost()
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-router-'))
  const root = async (command: string) => {
    const { code, stdout, stderr } = await machine.exec(command)
    if (code !== 0) throw new Error(`${command}: exit ${code}\n${stdout}${stderr}`)
    return stdout
  }
  const write = async (path: string, text: string, mode = 0o644) => {
    const file = join(folder, 'file')
    await writeFile(file, text)
    await root(`mkdir -p ${quote(dirname(path))}`)
    await machine.copyIn(file, path)
    await root(`chown root:root ${quote(path)} && chmod ${mode.toString(8)} ${quote(path)}`)
  }
  const install = async (provision: Provision) => {
    for (const file of provision.files) await write(file.path, file.text, file.mode)
    for (const { path, mode } of provision.folders)
      await root(`install -d -o vagrant -g vagrant -m ${mode.toString(8)} ${quote(path)}`)
    const rules = provision.sudo.map(line => `vagrant ALL=(root) NOPASSWD: ${line.join(' ')}\n`)
    await write('/etc/sudoers.d/vagrant', rules.join(''), 0o440)
    await root('visudo -cq')
    for (const { text } of provision.apply) await root(`set -eu -o pipefail; ${text}`)
  }
  // A daemon that keeps our output open would keep us waiting.
  const run = async ({ name }: Slot) => void (await root(`nginx -c /etc/app-${name}.conf >/dev/null 2>&1 </dev/null`))
  const host = await ssh(machine.alias, { configFile: machine.sshConfigFile }).open({
    signal: new AbortController().signal,
    confirm: async () => false,
  })
  const kit = () => pluginKit({ host: host.name, slots: [blue, green] })
  const link = options.mode === 'reload' ? '/etc/nginx/sites-enabled/life.conf' : '/srv/life/router/live'
  const plugin = nginx(options)
  await root('install -d -o vagrant -g vagrant -m 0711 /srv/life')
  for (const slot of [blue, green]) {
    await write(`/etc/app-${slot.name}.conf`, application(slot))
    await run(slot)
  }
  await install(plugin.create(kit()).provision(FACTS))
  return {
    plugin,
    slots: [blue, green],
    generations: options.mode !== 'reload',
    host,
    facts: FACTS,
    kit,
    install,
    stop: async () => void (await root('systemctl stop nginx')),
    start: async () => void (await root('systemctl start nginx')),
    async stopApplication({ name }) {
      await root(`nginx -c /etc/app-${name}.conf -s stop; while [ -e /run/app-${name}.pid ]; do sleep 0.05; done`)
    },
    startApplication: run,
    async spoil() {
      await root(`mv -T ${link} /root/good && ln -s somewhere/else ${link}`)
      return async () => void (await root(`rm ${link} && mv -T /root/good ${link}`))
    },
    machine,
    root,
    write,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
      await machine.stop()
    },
  }
}

/** What a server answers to these bytes on a connection of their own. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  return text(socket)
}

routerContract('nginx by a live link', () => openNginx({ site: 'life.example' }))
routerContract('nginx by reload', () => openNginx({ site: 'life.example', mode: 'reload' }))

describe.each(['link', 'reload'] as const)('the site of nginx by %s', mode => {
  let it: NginxHost
  const router = () => bound(it.host, it.plugin.create(it.kit()))
  beforeAll(async () => {
    it = await openNginx({ site: 'life.example', mode })
    await router().promote(blue, 'g1')
    await router().prove({ slot: 'blue', generation: 'g1' }, { answers: 5, within: 20_000 })
  })
  afterAll(() => it?.[Symbol.asyncDispose]())
  const headers = async (...more: string[]) => {
    const lines = ['GET /headers HTTP/1.1', 'Host: life.example:8080', ...more]
    const answer = await raw(it.machine.httpPort, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
    return Object.fromEntries(
      (answer.split('\r\n\r\n')[1] ?? '')
        .split(';')
        .filter(Boolean)
        .map(pair => pair.split('=', 2)),
    )
  }

  test('the application learns who asks, how, and for which host', async () => {
    const seen = await headers('X-Forwarded-For: 192.0.2.1')
    expect(seen).toMatchObject({
      host: 'life.example:8080',
      x_forwarded_proto: 'http',
      x_forwarded_host: 'life.example:8080',
    })
    expect(seen.x_forwarded_for).toBe(`192.0.2.1, ${seen.x_real_ip}`)
    expect(seen.x_real_ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  })

  test('only a client that asks for WebSockets is upgraded', async () => {
    expect(await headers()).toMatchObject({ upgrade: '', connection: 'close' })
    expect(await headers('Upgrade: WebSocket')).toMatchObject({ upgrade: 'websocket', connection: 'upgrade' })
    expect(await headers('Upgrade: h2c')).toMatchObject({ upgrade: '', connection: 'close' })
  })

  test('/deployment_id is a text that nobody keeps', async () => {
    const answer = await raw(
      it.machine.httpPort,
      'GET /deployment_id HTTP/1.1\r\nHost: life.example\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/^Content-Type: text\/plain\r$/m)
    expect(answer).toMatch(/^Cache-Control: no-store\r$/m)
    expect(answer.split('\r\n\r\n')[1]).toBe('blue\n')
  })

  test("check refuses a configuration that nginx refuses, with nginx's own line", async () => {
    await it.write('/etc/nginx/conf.d/broken.conf', 'no_such_directive on;\n')
    try {
      // Where nothing is reloaded, another site's mistake keeps nothing from moving: it is told.
      const fault = mode === 'link' ? (await router().check())[0] : await faultOf(router().check())
      expect(fault?.code).toBe(mode === 'link' ? 'NGINX_OTHERS_INVALID' : 'NGINX_CONFIG_INVALID')
      expect(fault?.message).toContain('unknown directive "no_such_directive" in /etc/nginx/conf.d/broken.conf:1')
    } finally {
      await it.root('rm /etc/nginx/conf.d/broken.conf')
    }
  })

  test('check says which line sudo needs when it asks for a password', async () => {
    await it.root('mv /etc/sudoers.d/vagrant /root/sudoers')
    try {
      const fault = await faultOf(router().check())
      expect(fault.code).toBe('NGINX_SUDO_REFUSED')
      expect(fault.next).toContain('vagrant ALL=(root) NOPASSWD: /usr/sbin/nginx -t')
    } finally {
      await it.root('mv /root/sudoers /etc/sudoers.d/vagrant')
    }
  })

  test('check says that setup has not run where the site is not known', async () => {
    await it.root('mv /etc/nginx/switchyard /root/switchyard')
    try {
      expect(await faultOf(router().check())).toMatchObject({ code: 'NGINX_NOT_SET_UP', exit: 3 })
    } finally {
      await it.root('mv /root/switchyard /etc/nginx/switchyard')
    }
  })

  test('two applications stand side by side on one nginx', async () => {
    const other = { ...it.kit(), app: 'other', layout: layout('/srv/other') }
    await it.root('install -d -o vagrant -g vagrant -m 0711 /srv/other')
    const second = bound(it.host, nginx({ site: 'other.example', mode }).create(other))
    const lines = [...router().provision(FACTS).sudo, ...second.provision(FACTS).sudo]
    await it.install({ ...second.provision(FACTS), sudo: lines })
    await second.promote(green, 'o1')
    expect(await second.prove({ slot: 'green', generation: 'o1' }, { answers: 5, within: 20_000 })).toMatchObject({
      proven: true,
    })
    expect(await router().answer()).toMatchObject({ slot: 'blue' })
    await router().check()
  })
})

describe('nginx by reload alone', () => {
  test('a configuration that nginx refuses is never reloaded, and the link is put back, which reloads nothing either', async () => {
    await using it = await openNginx({ site: 'life.example', mode: 'reload' })
    const router = bound(it.host, it.plugin.create(it.kit()))
    await router.promote(blue, 'g1')
    const before = await router.live()
    await it.write('/etc/nginx/switchyard/life.green.conf', 'server { listen 80\n')
    const reloads = () => it.root("journalctl --sync; journalctl -u nginx -o cat | grep '^Reload'")
    const seen = await reloads()
    expect(await faultOf(router.promote(green, 'g2'))).toMatchObject({ code: 'NGINX_CONFIG_INVALID' })
    expect(await router.live()).toEqual(before)
    expect(await reloads()).toBe(seen)
    await router.restore(before)
    expect(await reloads()).toBe(seen)
    // A move that happens does reload, so that the looks above are not blind.
    await router.restore({ slot: undefined, generation: undefined })
    expect(await reloads()).not.toBe(seen)
    expect(await it.root('ls /etc/nginx/sites-enabled')).toBe('life.conf\n')
  })
})

describe('nginx by a live link alone', () => {
  test('slot and generation of an answer belong together, however often the link moves', async () => {
    await using it = await openNginx({ site: 'life.example' })
    const router = bound(it.host, it.plugin.create(it.kit()))
    await router.promote(blue, 'blue-0')
    const url = `http://127.0.0.1:${it.machine.httpPort}/deployment_id`
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
    expect((await it.root('ls /srv/life/router')).split('\n').filter(name => name.includes('.')).length).toBe(5)
  })

  test("a server block of the user's own, with TLS, includes ours", async () => {
    const site = { site: 'life.example', include: true, url: 'https://life.example' }
    await using it = await openNginx(site)
    await it.root(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=life.example \
      -keyout /etc/nginx/key.pem -out /etc/nginx/cert.pem 2>/dev/null`)
    const router = bound(it.host, it.plugin.create(it.kit()))
    const [note = ''] = router.provision(FACTS).notes ?? []
    await it.write(
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
    await it.root('nginx -t && systemctl reload nginx')
    await router.promote(green, 'g1')
    expect(await router.prove({ slot: 'green', generation: 'g1' }, { answers: 3, within: 20_000 })).toMatchObject({
      proven: true,
    })
    expect((await router.fetch('/headers')).body).toContain('x_forwarded_proto=https;')
    expect(await router.fetch('/mine')).toEqual({ status: 200, body: 'port 5000\n' })
  })
})
