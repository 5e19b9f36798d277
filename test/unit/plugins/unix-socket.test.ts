/** A service on a unix socket, and PHP, which is one: units, server blocks, and the script that opens the socket. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { caddy, nginx, php, project, service, ssh, tarball } from '../../../index.ts'
import type { PhpOptions } from '../../../plugins/runtime/php/php.ts'
import { OPEN_SOCKET } from '../../../plugins/runtime/unix-socket.ts'
import type { Runtime } from '../../../slots/contracts.ts'
import { healthLoop } from '../../../slots/health/health.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { layout } from '../../../slots/layout.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const facts = { user: 'deploy', group: 'deploy' }
const blue = { name: 'blue', port: 4000, env: {} }
const fileOf = (runtime: Runtime, part: string) =>
  runtime.provision(facts).files.find(({ path }) => path.includes(part))?.text ?? expect.fail(`no file ${part}`)

describe('a service on a unix socket', () => {
  const plugin = service({ start: 'puma', socket: true })
  const runtime = plugin.create(pluginKit())

  it('has a folder for it that systemd makes and removes, and the path in SOCKET', () => {
    const unit = fileOf(runtime, '/systemd/')
    expect(unit).toContain('\nRuntimeDirectory=switchyard-life-%i\n')
    // The last one counts.
    expect(unit.match(/RuntimeDirectoryMode=\d+/g)?.at(-1)).toBe('RuntimeDirectoryMode=0711')
    expect(unit).toContain(
      '\nExecStartPre=/bin/rm -f /run/switchyard-life-%i/app.sock.open /run/switchyard-life-%i/app.sock\n',
    )
    expect(runtime.environment(blue)).toMatchObject({ PORT: '4000', SOCKET: '/run/switchyard-life-blue/app.sock' })
  })

  it('is served by nginx, on the port of each slot', () => {
    const text = fileOf(runtime, '/etc/nginx/switchyard/life.slots.conf')
    expect(text.match(/listen .*;/g)).toEqual(['listen 127.0.0.1:4000;', 'listen 127.0.0.1:5000;'])
    expect(text.match(/proxy_pass .*;/g)).toEqual([
      'proxy_pass http://unix:/run/switchyard-life-blue/app.sock;',
      'proxy_pass http://unix:/run/switchyard-life-green/app.sock;',
    ])
    expect(text).toContain('if (!-f /run/switchyard-life-green/app.sock.open) { return 444; }')
    expect(text).not.toMatch(/@(?!down)\w+@/)
    const { tools, links, sudo } = runtime.provision(facts)
    expect(tools).toMatchObject({ '/usr/sbin/nginx': 'nginx', systemctl: 'systemd' })
    expect(links).toEqual([['/etc/nginx/sites-enabled/life.slots.conf', '/etc/nginx/conf.d/life.slots.conf']])
    expect(sudo).toEqual(service({ start: 'puma' }).create(pluginKit()).provision(facts).sudo)
  })

  it('has a health check that takes the sockets of nginx for its own, which those of a service on its port are not', () => {
    expect(runtime.server).toBe('nginx.service')
    const script = (server?: string) => healthLoop(blue, 1, healthOf(), { server }).text
    expect(script(runtime.server)).toContain('systemctl show --property=MainPID --value nginx.service')
    expect(script()).not.toContain('nginx')
  })

  it.each([plugin, php({ version: '8.2' })])('is refused behind another router than nginx: $name', runtime => {
    const of = (router: never) =>
      project({
        app: 'life',
        host: ssh('web-1'),
        build: tarball({ path: 'app', version: () => '1.0.0' }),
        ...{ runtime, router },
        slots: { blue: { port: 4000 }, green: { port: 5000 } },
      })
    expect(() => of(caddy({ site: 'a.example' }) as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', hint: expect.stringContaining('`nginx()`') }),
    )
    expect(of(nginx({ site: 'a.example' }) as never)).toBeDefined()
  })

  it('lets every user connect once there is a socket, and has no child that it does not know', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'switchyard-socket-'))
    const path = join(folder, 'app.sock')
    const shell = spawn('bash', ['-uc', `${OPEN_SOCKET}exec sleep 60`], { env: { ...process.env, SOCKET: path } })
    try {
      await expect
        .poll(() => execFileSync('ps', ['-o', 'args=', '-p', `${shell.pid}`], { encoding: 'utf8' }).trim())
        .toBe('sleep 60')
      expect(spawnSync('ps', ['-o', 'pid=', '--ppid', `${shell.pid}`], { encoding: 'utf8' }).stdout).toBe('')
      expect(existsSync(`${path}.open`)).toBe(false)
      const before = process.umask(0o027)
      const server = createServer().listen(path)
      await new Promise(resolve => server.once('listening', resolve))
      process.umask(before)
      await expect.poll(() => existsSync(`${path}.open`)).toBe(true)
      expect(statSync(path).mode & 0o777).toBe(0o666)
      await new Promise(resolve => server.close(resolve))
    } finally {
      shell.kill()
      rmSync(folder, { recursive: true })
    }
  })
})

describe('PHP', () => {
  const kit = pluginKit({ layout: layout('/srv/life', ['public/uploads', 'storage']) })
  const runtimeOf = (options: Partial<PhpOptions> = {}) => php({ version: '8.2', ...options }).create(kit)
  const server = (options?: Partial<PhpOptions>) => fileOf(runtimeOf(options), '/etc/nginx/switchyard/life.slots.conf')

  it('has a PHP-FPM in the foreground for each slot, which finishes its requests before it ends', () => {
    const runtime = runtimeOf({ ini: { memory_limit: '256M' }, stopLimit: 20, workers: 3 })
    const unit = fileOf(runtime, '/systemd/')
    expect(unit).toContain(
      'exec /usr/sbin/php-fpm8.2 -F -O -y /etc/php/8.2/switchyard/life.conf -d memory_limit=256M"\n',
    )
    expect(unit).toContain('\nKillSignal=SIGQUIT\n')
    expect(unit.match(/UMask=\d+/g)?.at(-1)).toBe('UMask=0022')
    const config = fileOf(runtime, '/etc/php/8.2/switchyard/life.conf')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of PHP-FPM
    expect(config).toContain('\nlisten = ${SOCKET}\n')
    for (const line of ['process_control_timeout = 18s', 'pm.max_children = 3']) expect(config).toContain(`\n${line}\n`)
  })

  it('executes the index alone, or each script but those in a shared path', () => {
    expect(server()).toContain('try_files $uri /index.php$is_args$args;')
    expect(server()).toContain('location ~ "^/index\\.php(?:/|$)" {')
    expect(server({ anyScript: true })).toContain('try_files $uri $uri/ /index.php$is_args$args;')
    for (const text of [server(), server({ anyScript: true })]) {
      const [shared = -1, scripts] = ['location ~ "^/uploads/.*\\.php(?:/|$)" { return 404; }', 'fastcgi_pass'].map(
        it => text.indexOf(it),
      )
      expect(shared).toBeGreaterThan(0)
      // nginx takes the first that matches.
      expect(shared).toBeLessThan(scripts ?? 0)
      expect(text).not.toContain('storage')
      expect(text).not.toMatch(/@(?!down)\w+@/)
    }
  })

  it('has a folder of the release, or the release itself, as root, and never shows our own files', () => {
    expect(server({ root: 'web/' })).toContain('root /srv/life/files/blue/web;')
    expect(server({ root: '.' })).toContain('root /srv/life/files/blue;')
    expect(server({ root: '.' })).toContain('"^/(?:release\\.json|\\.manifest|\\.prepared)$" { return 404; }')
    expect(server({ root: '.' })).toContain('location ~ "^/storage/.*\\.php(?:/|$)" { return 404; }')
    expect(runtimeOf().provision(facts).folders).toEqual([{ path: '/srv/life/files', mode: 0o755 }])
  })

  it('needs the packages of its version, and those of the commands only if there are some', () => {
    expect(runtimeOf().provision(facts).tools).toMatchObject({ '/usr/sbin/php-fpm8.2': 'php8.2-fpm' })
    expect(runtimeOf().provision(facts).tools).not.toHaveProperty('/usr/bin/php8.2')
    expect(runtimeOf({ migrate: 'php m.php' }).provision(facts).tools).toMatchObject({
      '/usr/bin/php8.2': 'php8.2-cli',
    })
  })

  it.each([{ version: '8' }, { root: 'a b' }, { index: 'a;b' }, { workers: 0 }, { ini: { a: 1 as never } }])(
    'rejects %j',
    options => {
      expect(() => php({ version: '8.2', ...options })).toThrow(expect.objectContaining({ exitCode: 2 }))
    },
  )
})
