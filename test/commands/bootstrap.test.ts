/** `bootstrap` on a server as it is rented: only root can log in, and nothing is installed. In the order in which somebody meets the problems. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestHost } from '../../dev/host.ts'
import { type Ended, type Site, startSite } from '../../dev/site.ts'
import type { RunEvent } from '../../runner/events.ts'
import { outputOf } from '../support/ended.ts'
import { rootOf } from '../support/root.ts'

let site: Site
let host: TestHost
let root: (command: string) => Promise<string>
beforeAll(async () => {
  site = await startSite({
    bare: true,
    runtime: "service({ start: 'true' })",
    more: "packages: ['tree'],",
    tasks: 'export const { bootstrap } = tasks',
  })
  host = site.host
  root = rootOf(host)
})
afterAll(() => site?.[Symbol.asyncDispose]())

const SERVER = 'root@127.0.0.1'
const bootstrap = (...args: string[]) => site.task('bootstrap', SERVER, ...args)
/** What a bootstrap would change. */
const state = () =>
  root('{ getent passwd deploy; ls /etc/sudoers.d /root/.ssh; dpkg-query -W nginx sudo tree; } 2>&1 || :')
/** Waits for a condition on the host. */
const until = (condition: string) =>
  root(`for ((i = 0; i < 1200; i++)); do if ${condition}; then exit 0; fi; sleep 0.05; done; exit 1`)
/** sshd reads its files when it begins anew, which is when it has opened its sockets again. */
const reloadSshd = () =>
  root(`main=$(systemctl show -p MainPID --value ssh)
sockets() { readlink /proc/$main/fd/* | grep socket: | sort; }
before=$(sockets) count=$(sockets | wc -l)
systemctl reload ssh
for ((i = 0; i < 200; i++)); do if [ "$(sockets)" != "$before" ] && [ "$(sockets | wc -l)" = "$count" ]; then exit 0; fi; sleep 0.05; done
exit 1`)

async function fails(ended: Promise<Ended>, code: string, exitCode: number): Promise<string> {
  const result = await ended
  expect(result.code, outputOf(result)).toBe(exitCode)
  expect(outputOf(result)).toContain(code)
  return outputOf(result)
}

it('a bootstrap is refused before it contacts anything, for another server and for a key that is none', async () => {
  await host.exec('systemctl stop ssh')
  expect(await fails(site.task('bootstrap', 'root@192.0.2.1'), 'BOOTSTRAP_OTHER_SERVER', 2)).toContain('life-test')
  await fails(bootstrap('--key', 'Taskfile.ts'), 'BOOTSTRAP_KEY_INVALID', 2)
  await root('systemctl start ssh')
})

it('a bootstrap is refused on another system, and beside another web server', async () => {
  const before = await state()
  await root("sed -i.was 's/^ID=.*/ID=fedora/' /etc/os-release")
  expect(await fails(bootstrap('--yes'), 'BOOTSTRAP_NOT_DEBIAN', 3)).toContain('Debian GNU/Linux 12')
  await root('mv /etc/os-release.was /etc/os-release')
  const listen =
    'use IO::Socket; my $server = IO::Socket::INET->new(LocalPort => 443, Listen => 1, ReuseAddr => 1) or die; sleep'
  await root(`systemd-run --unit=other-server perl -e '${listen}'`)
  await until('grep -q ":01BB " /proc/net/tcp')
  expect(await fails(bootstrap('--yes'), 'BOOTSTRAP_PORT_TAKEN', 3)).toMatch(/Port 443 of life-test belongs to perl/)
  await root('systemctl stop other-server')
  expect(await state()).toBe(before)
})

it('says what it would do, and does nothing unless it is asked to', async () => {
  const before = await state()
  const dry = await bootstrap('--dry-run', '--setup')
  expect(dry.code, outputOf(dry)).toBe(0)
  expect(dry.stdout).toMatch(/To do:\n {2}1\. Install .*nginx.* and tree with apt-get\./)
  expect(dry.stdout).toContain('Create the account deploy, without a password.')
  expect(await fails(bootstrap(), 'BOOTSTRAP_NOT_CONFIRMED', 3)).toContain('--yes')
  expect(await state()).toBe(before)
})

/** Holds the lock that apt and dpkg take first, as another apt-get does. */
const HOLD = `systemd-run --unit=other-apt perl -e 'open F, ">>", "/var/lib/dpkg/lock-frontend"; my $lock = pack("ssx4qqlx4", 1, 0, 0, 0, 0); fcntl(F, 6, $lock) or die; print STDERR "held\\n"; sleep'`

it("waits while another program holds apt's lock, says so, and gives up in time", async () => {
  await root(HOLD)
  await until('journalctl -u other-apt | grep -q held')
  const output = await fails(bootstrap('--yes', '--apt-wait', '2s', '--verbose'), 'BOOTSTRAP_APT_LOCKED', 3)
  expect(output).toMatch(/apt's lock is held by perl \(process \d+\); waiting at most 2 s/)
  await root('systemctl stop other-apt')
})

it('reports a full disk', async () => {
  await root('mount -t tmpfs -o size=256k tmpfs /var/cache/apt/archives && mkdir /var/cache/apt/archives/partial')
  expect(await fails(bootstrap('--yes'), 'BOOTSTRAP_DISK_FULL', 1)).toMatch(/space/)
  await root('umount /var/cache/apt/archives')
  expect(await root('getent passwd deploy || echo none')).toBe('none\n')
})

it('completes what was cut off half way, and proves it: in a terminal it asks first', async () => {
  await root(': > /var/log/dpkg.log')
  const first = site.start({}, 'bootstrap', SERVER, '--yes')
  await until("grep -q ' status unpacked ' /var/log/dpkg.log")
  await root('pkill -KILL -x apt-get; pkill -KILL -x dpkg; dpkg --audit | grep -q .')
  const cut = await first.ended
  expect(cut.code, outputOf(cut)).toBe(1)
  expect(outputOf(cut)).toContain('BOOTSTRAP_APT_FAILED')

  const second = site.inTerminal({}, 'bootstrap', SERVER)
  await second.says(/Do this\? \[y\/N\]/)
  second.type('y\n')
  const done = await second.ended
  expect(done.code, outputOf(done)).toBe(0)
  expect(done.stdout).toContain('Next: npx task setup')
  await root('systemctl is-active nginx && systemctl is-enabled nginx && command -v tree curl && visudo -c')
  expect(await root('runuser -u deploy -- sudo -n id -un')).toBe('root\n')
  expect(await root('getent shadow deploy | cut -d: -f2')).toBe('*\n')
  expect(await root('stat -c %a%U /home/deploy/.ssh /home/deploy/.ssh/authorized_keys')).toBe('700deploy\n600deploy\n')
})

it('does nothing the second time, and says what is there', async () => {
  const before = await state()
  const again = await bootstrap('--yes')
  expect(again.code, outputOf(again)).toBe(0)
  expect(again.stdout).toContain('Nothing to do.')
  expect(again.stdout).toContain('deploy may use sudo without a password.')
  expect(again.stdout).toContain('--harden-sshd')
  expect(await state()).toBe(before)
})

it('with --json each line is an event, and the last one has what was done; it is refused without --yes', async () => {
  await root('apt-get remove -y -q tree')
  const last = async (...args: string[]) => {
    const { code, stdout, stderr } = await bootstrap('--json', ...args)
    expect(stderr).toBe('')
    const events = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as RunEvent)
    expect(events.at(-1)).toMatchObject({ type: 'result', command: 'bootstrap', ok: code === 0, exitCode: code })
    return { code, events, data: (events.at(-1) as { readonly data?: unknown }).data }
  }
  const refused = await last()
  expect([refused.code, refused.data]).toEqual([3, undefined])
  expect(refused.events).toContainEqual(
    expect.objectContaining({ type: 'error', code: 'BOOTSTRAP_NOT_CONFIRMED', hint: expect.stringContaining('--yes') }),
  )
  const done = await last('--yes')
  expect([done.code, done.data]).toMatchObject([
    0,
    { hosts: [{ host: 'life-test', system: 'Debian GNU/Linux 12 (bookworm)', done: ['Install tree with apt-get.'] }] },
  ])
  await root('command -v tree')
  expect((await last('--yes')).data).toMatchObject({ hosts: [{ done: [] }] })
})

it('goes on after a run whose program was killed while it installed', async () => {
  await root('apt-get remove -y -q tree')
  const first = site.start({}, 'bootstrap', SERVER, '--yes')
  await until('pgrep -x apt-get > /dev/null')
  first.kill('SIGKILL')
  await first.ended
  const second = await bootstrap('--yes')
  expect(second.code, outputOf(second)).toBe(0)
  await root('command -v tree')
})

it('adds a key that is named, and does not harden a server on which the account cannot log in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-key-'))
  const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl colleague'
  await writeFile(join(folder, 'id.pub'), `${other}\n`)
  const added = await bootstrap('--yes', '--key', join(folder, 'id.pub'))
  await rm(folder, { recursive: true })
  expect(added.code, outputOf(added)).toBe(0)
  expect((await root('cat /home/deploy/.ssh/authorized_keys')).trim().split('\n')).toHaveLength(2)

  await root("printf 'DenyUsers deploy\\n' > /etc/ssh/sshd_config.d/99-deny.conf")
  await reloadSshd()
  await fails(bootstrap('--yes', '--harden-sshd'), 'BOOTSTRAP_LOGIN_REFUSED', 1)
  expect(await root('ls /etc/ssh/sshd_config.d')).not.toContain('switchyard')
  await root('rm /etc/ssh/sshd_config.d/99-deny.conf')
  await reloadSshd()
})

it('takes the hardening back if the account cannot log in afterwards, or if sshd does not follow it', async () => {
  // Not in force before sshd is reloaded.
  await root("printf 'DenyUsers deploy\\n' > /etc/ssh/sshd_config.d/99-deny.conf")
  const output = await fails(bootstrap('--yes', '--harden-sshd'), 'BOOTSTRAP_LOGIN_REFUSED', 1)
  expect(output).toContain('The login of root is as it was.')
  expect(await root('ls /etc/ssh/sshd_config.d')).not.toContain('switchyard')
  await root('rm /etc/ssh/sshd_config.d/99-deny.conf')
  await root("printf 'PermitRootLogin yes\\n' > /etc/ssh/sshd_config.d/00-a.conf")
  await reloadSshd()
  const ignored = await fails(bootstrap('--yes', '--harden-sshd'), 'BOOTSTRAP_SSHD_IGNORES', 1)
  expect(ignored).toContain('permitrootlogin yes')
  expect(await root('ls /etc/ssh/sshd_config.d')).not.toContain('switchyard')
  await root('rm /etc/ssh/sshd_config.d/00-a.conf')
  await reloadSshd()
})

it('hardens sshd once the account has logged in, and sets up; later runs log in as the account', async () => {
  const hardened = await bootstrap('--yes', '--harden-sshd', '--setup')
  expect(hardened.code, outputOf(hardened)).toBe(0)
  const settings = await root('sshd -T -C user=root,host=localhost,addr=127.0.0.1')
  expect(settings).toContain('permitrootlogin no\n')
  expect(settings).toContain('passwordauthentication no\n')
  expect(await root('stat -c %U /srv/life')).toBe('deploy\n')

  const again = await bootstrap('--yes')
  expect(again.code, outputOf(again)).toBe(0)
  expect(again.stdout).toContain('sshd accepts keys alone.')
  expect(again.stdout).toContain('Nothing to do.')
  expect((await site.task('setup')).code).toBe(0)
})

it('installs databases with a password that only the environment file of this machine has', {
  timeout: 600_000,
}, async () => {
  const taskfile = join(site.folder, 'Taskfile.ts')
  const more =
    "accessories: { postgres: { database: 'board' }, redis: true },\n  env: '.env.production',\n  packages: ['tree'],"
  await writeFile(taskfile, (await readFile(taskfile, 'utf8')).replace("packages: ['tree'],", more))
  // This container may not make the namespaces that the unit of Redis asks for.
  const off = ['PrivateDevices', 'PrivateTmp', 'PrivateUsers', 'ProtectHome', 'ProtectSystem', 'ProtectControlGroups']
  const kernel = [
    'ProtectKernelTunables',
    'ProtectKernelModules',
    'ProtectKernelLogs',
    'ProtectHostname',
    'ProtectClock',
  ]
  const lines = [...off, ...kernel].map(name => `${name}=no`).join('\\n')
  const lists = ['ReadOnlyDirectories=', 'ReadWriteDirectories=', 'SystemCallFilter=', 'CapabilityBoundingSet=~'].join(
    '\\n',
  )
  const folder = '/etc/systemd/system/redis-server.service.d'
  await root(`install -d ${folder}; printf '[Service]\\n${lines}\\n${lists}\\n' > ${folder}/container.conf`)
  const environment = join(site.folder, '.env.production')
  await writeFile(environment, 'GREETING=hello\nDATABASE_URL=\n', { mode: 0o600 })
  const without = await bootstrap('--yes')
  expect(without.code, outputOf(without) + (await host.exec('systemctl status redis-server')).stdout).toBe(0)
  expect(without.stdout).toContain('--write-env writes the URLs into .env.production')
  expect(await readFile(environment, 'utf8')).toBe('GREETING=hello\nDATABASE_URL=\n')

  const written = await bootstrap('--yes', '--write-env', '--verbose')
  expect(written.code, outputOf(written)).toBe(0)
  const text = await readFile(environment, 'utf8')
  const [, url = '', password = ''] =
    /^DATABASE_URL=(postgres:\/\/board:([0-9a-f]{48})@127\.0\.0\.1:5432\/board)$/m.exec(text) ?? []
  expect(text).toBe(`GREETING=hello\nDATABASE_URL=${url}\nREDIS_URL=redis://127.0.0.1:6379/0\n`)
  expect(outputOf(written)).not.toContain(password)
  expect(await root(`cd /; runuser -u deploy -- psql -XAtc 'select current_database()' '${url}'`)).toBe('board\n')
  expect(await root("cd /; runuser -u postgres -- psql -XAtc 'show server_encoding'")).toBe('UTF8\n')
  expect(await root(`grep -r ${password} /var/log /run 2>/dev/null | grep -v 'proc' || echo nowhere`)).toBe('nowhere\n')
  expect(await root('redis-cli ping')).toBe('PONG\n')
  expect((await root("ss -Hltn '( sport = :5432 or sport = :6379 )' | awk '{ print $4 }'")).trim().split('\n')).toEqual(
    expect.not.arrayContaining([expect.stringMatching(/^(?:0\.0\.0\.0|\*|\[::\]):/)]),
  )
  const again = await bootstrap('--yes', '--write-env')
  expect(again.code, outputOf(again)).toBe(0)
  expect(again.stdout).toContain('Nothing to do.')
  expect(await readFile(environment, 'utf8')).toBe(text)
})

it('opens the firewall for ssh and the site, and for nothing else', async () => {
  await using other = await startSite({
    bare: true,
    engines: true,
    runtime: "service({ start: 'true' })",
    tasks: 'export const { bootstrap } = tasks',
  })
  const run = (...args: string[]) => other.task('bootstrap', SERVER, '--yes', '--firewall', ...args)
  const done = await run()
  expect(done.code, outputOf(done)).toBe(0)
  const address = await other.host.address()
  const opens = (port: number) =>
    new Promise<boolean>(resolve => {
      const socket = connect({ host: address, port, timeout: 3_000 })
      const end = (opened: boolean) => {
        socket.destroy()
        resolve(opened)
      }
      socket
        .once('connect', () => end(true))
        .once('timeout', () => end(false))
        .once('error', () => end(false))
    })
  await other.host.exec(
    `systemd-run perl -e 'use IO::Socket; my $server = IO::Socket::INET->new(LocalPort => 4000, Listen => 1) or die; sleep'`,
  )
  const listens =
    'for ((i = 0; i < 1200; i++)); do if grep -q ":0FA0 " /proc/net/tcp; then exit 0; fi; sleep 0.05; done; exit 1'
  expect((await other.host.exec(listens)).code).toBe(0)
  expect([await opens(22), await opens(80), await opens(4000)]).toEqual([true, true, false])
  await other.host.exec('ufw disable')
  expect(await opens(4000)).toBe(true)
  const again = await run()
  expect(again.stdout).toContain('Run `ufw --force enable`.')
  expect(await opens(4000)).toBe(false)
  expect((await run()).stdout).toContain('Nothing to do.')
})

it.each([
  ["haproxy({ site: '127.0.0.1' })", 'haproxy socat'],
  ["nginx({ site: 'life.example', tls: 'certbot' })", 'nginx certbot'],
])('installs what the router needs, and setup takes it: %s', async (router, programs) => {
  await using other = await startSite({
    bare: true,
    router,
    runtime: "service({ start: 'true' })",
    tasks: 'export const { bootstrap } = tasks',
  })
  const done = await other.task('bootstrap', SERVER, '--yes', '--setup')
  expect(done.code, outputOf(done)).toBe(0)
  const again = await other.task('bootstrap', SERVER, '--yes')
  expect(outputOf(again)).toContain('Nothing to do.')
  const found = await other.host.exec(`command -v ${programs} && systemctl is-active ${programs.split(' ')[0]}`)
  expect(found.code, found.stdout + found.stderr).toBe(0)
})

it('says what Caddy needs once, and setup works when that was run', async () => {
  await using other = await startSite({
    bare: true,
    router: "caddy({ site: '127.0.0.1', url: 'http://127.0.0.1' })",
    runtime: "service({ start: 'true' })",
    tasks: 'export const { bootstrap } = tasks',
  })
  const done = await other.task('bootstrap', SERVER, '--yes')
  expect(done.code, outputOf(done)).toBe(0)
  const [, command = ''] = /^Once, on .*?: (grep .*)$/m.exec(done.stdout) ?? []
  const refused = await other.task('setup')
  expect(refused.code, outputOf(refused)).toBe(3)
  expect(refused.stderr).toContain(command)
  for (let i = 0; i < 2; i++) expect((await other.host.exec(command)).code, command).toBe(0)
  expect((await other.host.exec('grep -c ^import /etc/caddy/Caddyfile')).stdout).toBe('1\n')
  const setup = await other.task('setup')
  expect(setup.code, outputOf(setup)).toBe(0)
})
