/** An application that runs as a system user of its own, on a real host whose deploying user may do with sudo what `setup` allows, and nothing else. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { runTask, runTaskInTerminal } from '../../dev/site.ts'
import { writeApp } from '../support/app.ts'
import { exits } from '../support/ended.ts'

/** Answers each request with its version and its user; `/write?PATH` tries to write a file of that path. */
const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
open my $file, '<', 'VERSION' or die; chomp(my $version = <$file>);
my $socket = IO::Socket::IP->new(LocalAddr => "127.0.0.1:$ENV{PORT}", Listen => 50, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
my ($user, $group) = ((getpwuid $>)[0], (getgrgid $))[0]);
print STDERR "version $version as $user\\n";
while (1) {
  my $client = $socket->accept or next;
  my $head = '';
  while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
  my $body = $head =~ m{^GET /write\\?(\\S+) } ? (open(my $new, '>>', $1) ? 'written' : "$!") : qq({"version":"$version","user":"$user","group":"$group","secret":"$ENV{SECRET}"});
  print $client "HTTP/1.1 200 X\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
  close $client;
}
`
const WORKER = `#!/bin/bash
if [ -e broken ]; then exit 1; fi
while :; do echo "$(id -un) $SWITCHYARD_SLOT" > storage/worker; sleep 1; done
`
const PREPARE = '#!/bin/bash\nid -un > prepared\n'
const taskfile = (options: string) => `
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh(env.HOST ?? '', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({
    start: 'bin/server',
    processes: { worker: 'bin/worker' },
    prepare: 'bin/prepare',
    migrate: 'echo "migrated as $(id -un) with $SECRET" | tee storage/migrated',
    console: 'bash --norc',
    promoted: 'echo "$(id -un) $SWITCHYARD_SLOT" >> storage/promoted',
    ${options}
  }),
  router: nginx({ site: 'shop.example' }),
  env: '.env',
  shared: ['storage'],
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, migrate, promote, rollback, restart, exec, console, logs, doctor, status, remove } = tasks
`
/** With it the deploying user may do everything, as on many hosts. */
const EVERYTHING = '/etc/sudoers.d/vagrant'

let host: TestHost
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-application-user-'))
  await writeApp(folder, { server: SERVER, worker: WORKER, prepare: PREPARE })
  await writeFile(join(folder, '.env'), 'SECRET=forty-two-secrets\n')
  host = await startHost()
  env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
})
afterAll(async () => {
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

const configure = (options: string) => writeFile(join(folder, 'Taskfile.ts'), taskfile(options))
const release = (version: string) => writeFile(join(folder, 'app/VERSION'), `${version}\n`)
const run = async (command: string) => (await host.exec(command)).stdout.trim()
const task = (code: number, ...args: string[]) => exits(code, runTask(folder, env, args).ended)
const get = (port: number, path = '/') => run(`curl -s 'http://127.0.0.1:${port}${path}'`)
const report = async (port: number) => JSON.parse(await get(port))
/** What the site answers; undefined while it is down. */
const live = async () => {
  const body = await run('curl -s -H "Host: shop.example" http://127.0.0.1/')
  return body.startsWith('{') ? JSON.parse(body) : undefined
}
const ownerOf = (path: string) => run(`stat -c '%U %a' ${path}`)

describe('an application with a user of its own', () => {
  it('gets a system user without a login from setup, which names it first, and a second setup changes nothing', async () => {
    await configure(`user: 'shopper',`)
    await release('1.0.0')
    expect(await task(0, 'setup', '--dry-run')).toContain('new system user shopper')
    expect(await run('getent passwd shopper || echo none')).toBe('none')
    await task(0, 'setup')
    expect(await run('getent passwd shopper | cut -d : -f 5-')).toBe('switchyard shop:/nonexistent:/usr/sbin/nologin')
    expect(await ownerOf('/srv/shop/shared')).toBe('shopper 755')
    expect(await task(0, 'setup')).toContain('0 folders and 0 files changed')
    await run(`mv ${EVERYTHING} /root/everything; visudo -c`)
    expect(await task(0, 'doctor')).toMatch(/application +it runs as shopper/)
  })

  it('runs as it in all that a deploy starts, with secrets that it cannot read itself', async () => {
    await task(0, 'deploy', '--migrate', '--promote')
    expect(await report(4000)).toEqual({
      ...{ version: '1.0.0', secret: 'forty-two-secrets' },
      ...{ user: 'shopper', group: 'shopper' },
    })
    expect(await run('cat /srv/shop/shared/storage/migrated')).toBe('migrated as shopper with forty-two-secrets')
    expect(await run('cat /srv/shop/shared/storage/promoted')).toBe('shopper blue')
    await expect.poll(() => run('cat /srv/shop/shared/storage/worker')).toBe('shopper blue')
    expect(await run('cat /srv/shop/releases/1.0.0-*/prepared')).toBe('vagrant')
    const env = '/srv/shop/slots/blue/env'
    expect(await ownerOf(env)).toBe('vagrant 600')
    expect(await run(`runuser -u shopper -- cat ${env} 2>&1 || :`)).toMatch(/Permission denied$/)
  })

  it('cannot write its release or the records, and can write its shared folders', async () => {
    expect(await get(4000, '/write?other')).toMatch(/Read-only file system|Permission denied/)
    expect(await get(4000, '/write?/srv/shop/slots/blue/env')).toBe('Permission denied')
    expect(await get(4000, '/write?/srv/shop/journal.jsonl')).toBe('Permission denied')
    expect(await get(4000, '/write?storage/upload')).toBe('written')
    expect(await ownerOf('/srv/shop/shared/storage/upload')).toBe('shopper 640')
    const mine = '"$(echo /srv/shop/releases/1.0.0-*)/mine"'
    expect(await run(`runuser -u shopper -- touch ${mine} 2>&1 || :`)).toMatch(/denied$/)
  })

  it('has its commands run as it, with the exit code and the variables', async () => {
    expect(await task(3, 'exec', '--', 'bash', '-c', 'id -un; pwd -P; exit 3')).toMatch(
      /shopper\n\/srv\/shop\/releases\/1\.0\.0-\w+\n/,
    )
    expect(await task(0, 'exec', '--', 'bash', '-c', 'echo "$HOME $SWITCHYARD_SLOT $SUDO_USER."')).toContain(
      '/nonexistent blue .',
    )
    expect(await run('journalctl --quiet --no-pager _COMM=sudo | grep -c forty-two || :')).toBe('0')
  })

  it('has its console run as it, in a terminal', async () => {
    const console = runTaskInTerminal(folder, { ...env, CI: undefined }, ['console', 'blue'])
    await console.says(/\$ $/)
    console.type('echo "I am $(id -un) with $SECRET"; exit 5\n')
    const { code, stdout } = await console.ended
    expect(stdout).toContain('I am shopper with forty-two-secrets')
    expect(code).toBe(5)
  })

  it('ends on the host with Ctrl-C, although the deploying user may not signal it', async () => {
    const running = runTask(folder, env, ['exec', '--', 'bash', '-c', 'echo begun; exec sleep 555.375'])
    await running.says(/begun/)
    expect(await run('ps -o user= -p "$(pgrep -f "^sleep [5]55.375")"')).toBe('shopper')
    running.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
    await expect.poll(() => run('pgrep -f "^sleep [5]55.375" || echo gone')).toBe('gone')
  })

  it('keeps working over a promote, a rollback and a restart, and the port is proven to be its own', async () => {
    await release('1.1.0')
    await task(0, 'deploy', '--promote')
    expect(await report(5000)).toMatchObject({ version: '1.1.0', user: 'shopper' })
    expect(await get(5000, '/write?storage/upload')).toBe('written')
    await task(0, 'rollback')
    expect(await run('tail -n 1 /srv/shop/shared/storage/promoted')).toBe('shopper blue')
    expect(await task(0, 'logs', '--slot', 'blue')).toContain('version 1.0.0 as shopper')
    await task(0, 'restart')
    expect(await live()).toMatchObject({ version: '1.0.0', user: 'shopper' })
    await task(0, 'status')
    await host.restart({ powerLoss: true })
    await expect.poll(live).toMatchObject({ version: '1.0.0', user: 'shopper' })
  })

  it('is found out by doctor if sudo no longer runs its commands, or if it does not own its data', async () => {
    await run(`sed -i '/^Defaults/d' /etc/sudoers.d/switchyard-shop`)
    expect(await task(3, 'doctor')).toMatch(/fail +application +vagrant cannot run its commands as shopper/)
    await run(`mv /root/everything ${EVERYTHING}`)
    await task(0, 'setup')
    await run('chown vagrant: /srv/shop/shared/storage')
    expect(await task(3, 'doctor')).toContain('shopper does not own /srv/shop/shared/storage, which belongs to vagrant')
    await run('chown -R shopper /srv/shop/shared/storage && chmod -R g+rwX /srv/shop/shared/storage')
    await task(0, 'doctor')
  })

  it('is not deployed with a file that it may not read, and the live slot stays as it is', async () => {
    await release('1.2.0')
    await writeFile(join(folder, 'app/private'), 'x', { mode: 0o600 })
    expect(await task(1, 'deploy')).toMatch(/shopper may not read private of the release 1\.2\.0-\w+/)
    expect(await live()).toMatchObject({ version: '1.0.0' })
    await rm(join(folder, 'app/private'))
  })

  it('goes with its user, and without the data its user stays', async () => {
    expect(await task(0, 'remove', '--force', '--yes-remove', 'shop')).toContain(
      'keep the user shopper: it owns the data',
    )
    expect(await run('getent passwd shopper > /dev/null && echo there')).toBe('there')
    await task(0, 'remove', '--shared', '--yes-remove', 'shop')
    expect(await run('getent passwd shopper || echo none; ls -A /srv/shop 2>&1')).toMatch(/^none\n.*No such file/)
  })
})

describe('an application that was deployed as the deploying user', () => {
  it('moves to a user of its own when a person has given it the data, without an interruption', async () => {
    await configure('')
    await release('2.0.0')
    await task(0, 'setup')
    await task(0, 'deploy', '--promote')
    expect(await report(4000)).toMatchObject({ user: 'vagrant' })
    await configure(`user: 'shopper',`)
    expect(await task(0, 'setup')).toMatch(
      /shopper does not own \/srv\/shop\/shared\/storage, which belongs to vagrant/,
    )
    expect(await ownerOf('/srv/shop/shared/storage/promoted')).toMatch(/^vagrant/)
    await release('2.1.0')
    expect(await task(3, 'deploy', '--promote')).toContain('chown -R shopper /srv/shop/shared/storage')
    await run('chown -R shopper /srv/shop/shared/storage && chmod -R g+rwX /srv/shop/shared/storage')
    // The live slot, which still runs as the deploying user, writes as before.
    expect(await get(4000, '/write?storage/promoted')).toBe('written')
    await task(0, 'deploy', '--promote')
    expect(await report(5000)).toMatchObject({ version: '2.1.0', user: 'shopper' })
    expect(await get(5000, '/write?storage/promoted')).toBe('written')
    await task(0, 'doctor')
  })

  it('is not set up with the deploying user in the place of another', async () => {
    await configure(`user: 'vagrant',`)
    expect(await task(3, 'setup')).toContain('is the deploying user')
  })
})
