/** `probe: { sockets }`: a release that refuses the WebSockets which the previous one accepted, with each router. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Ended, runTask } from '../../dev/site.ts'
import { writeApp } from '../support/app.ts'
import { installCaddy } from '../support/caddy.ts'
import { installHaproxy } from '../support/haproxy.ts'

/**
 * Accepts WebSockets of the origin that the file `ORIGIN` of its release names, and answers all other requests. HAProxy checks the answer to the key, which is
 * that of the RFC.
 */
const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
sub text { open my $file, '<', $_[0] or die; chomp(my $line = <$file>); $line }
my ($version, $origin) = (text('VERSION'), text('ORIGIN'));
my $socket = IO::Socket::IP->new(LocalAddr => "127.0.0.1:$ENV{PORT}", Listen => 200, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
my @open;
while (1) {
  my $client = $socket->accept or next;
  my $head = '';
  while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
  if ($head =~ /^upgrade: websocket/im) {
    if ($head =~ /^origin: \\Q$origin\\E\\r/im) {
      syswrite $client, "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\\r\\n\\r\\n";
      push @open, $client;
    } else { syswrite $client, "HTTP/1.1 403 Forbidden\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n" }
    next;
  }
  my $body = qq({"version":"$version"});
  print $client "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
  close $client;
}
`
const taskfile = (router: string) => `
import { readFileSync } from 'node:fs'
import { caddy, env, haproxy, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh(env.HOST ?? '', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({ start: 'bin/server' }),
  router: ${router},
  probe: { sockets: ['/live/websocket?vsn=2.0.0'] },
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, rollback } = tasks
`

type Prepare = (host: TestHost) => Promise<void>

describe.each<[string, string, Prepare | undefined]>([
  ['nginx by a link', "nginx({ site: 'shop.example' })", undefined],
  ['nginx by reload', "nginx({ site: 'shop.example', mode: 'reload' })", undefined],
  ['HAProxy', "haproxy({ site: 'shop.example' })", installHaproxy],
  ['Caddy', "caddy({ site: 'shop.example', url: 'http://shop.example' })", installCaddy],
])('a promote with %s', (_, router, prepare) => {
  let host: TestHost
  let folder: string
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchyard-sockets-'))
    await writeApp(folder, { server: SERVER })
    await writeFile(join(folder, 'Taskfile.ts'), taskfile(router))
    host = await startHost()
    await prepare?.(host)
    env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
    const { code, stdout, stderr } = await task('setup')
    expect(code, stdout + stderr).toBe(0)
  })
  afterAll(async () => {
    await host?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const task = (...args: string[]): Promise<Ended> => runTask(folder, env, args).ended
  async function deployed(version: string, origin: string): Promise<Ended> {
    await writeFile(join(folder, 'app/VERSION'), `${version}\n`)
    await writeFile(join(folder, 'app/ORIGIN'), `${origin}\n`)
    return task('deploy', '--promote')
  }
  const live = async () =>
    (await host.exec("curl -s -H 'Host: shop.example' http://127.0.0.1/deployment_id")).stdout.trim()

  it('sends the traffic back from a release that refuses its WebSockets, and not from one that accepts them', async () => {
    const unused = 'No slot accepts a WebSocket at /live/websocket?vsn=2.0.0: status 403 instead of 101'
    const first = await deployed('1.0.0', 'http://other.example')
    expect(first.code, first.stdout + first.stderr).toBe(0)
    expect(first.stdout).toContain(unused)
    expect(await live()).toBe('blue')
    const next = await deployed('1.1.0', 'http://shop.example')
    expect(next.code, next.stdout + next.stderr).toBe(0)
    expect(next.stdout).not.toContain(unused)
    await expect.poll(live).toBe('green')
    const refused = await deployed('1.2.0', 'http://other.example')
    expect(refused.stdout + refused.stderr).toContain(
      'blue refuses a WebSocket at /live/websocket?vsn=2.0.0, which the previous slot accepted: status 403 instead of 101.',
    )
    expect(refused.code).toBe(1)
    await expect.poll(live).toBe('green')
    const last = await deployed('1.3.0', 'http://shop.example')
    expect(last.code, last.stdout + last.stderr).toBe(0)
    await expect.poll(live).toBe('blue')
  })
})
