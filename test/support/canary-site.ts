/** A project with an application that can answer 500 at times, for canaries. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Load, startLoad } from '../../dev/load.ts'
import { type Ended, type Running, runTask } from '../../dev/site.ts'
import { writeApp } from './app.ts'

/** Answers with its version. A release with the file `FAILS` answers 500 to every third request, except to health checks. */
const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
open my $file, '<', 'VERSION' or die; chomp(my $version = <$file>);
my $fails = -e 'FAILS';
my $count = 0;
my $socket = IO::Socket::IP->new(LocalAddr => "127.0.0.1:$ENV{PORT}", Listen => 200, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
while (1) {
  my $client = $socket->accept or next;
  my $head = '';
  while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
  my $status = $fails && $head !~ m{^GET /health } && ++$count % 3 == 0 ? '500 Oops' : '200 OK';
  my $body = qq({"version":"$version"});
  print $client "HTTP/1.1 $status\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
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
  probe: { paths: ['/'] },
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, rollback, restart, retire, repair, status, history, preflight } = tasks
`

export interface CanarySite extends AsyncDisposable {
  readonly host: TestHost
  /** Sets the version of the next release, and whether it answers 500 at times. */
  release(version: string, fails?: boolean): Promise<void>
  /** Starts `task`, with more environment variables. */
  start(more: Record<string, string>, ...args: string[]): Running
  /** Runs `task` to its end, which has to be a success, and resolves to its output. */
  done(...args: string[]): Promise<string>
  /** The same for another exit code, and an output that matches. */
  refused(exit: number, cause: RegExp, ...args: string[]): Promise<string>
  /** What a visitor with this number gets. */
  at(number: string): Promise<{ readonly slot: string | null; readonly version: string }>
  /** What `/deployment_id` says. */
  live(): Promise<string>
  /** Load of visitors without a number. */
  load(): Promise<Load>
}

/** Boots a host, and sets up and promotes the version 1.0.0 there. The site has to answer requests for 127.0.0.1. */
export async function startCanarySite(
  router: string,
  prepare?: (host: TestHost) => Promise<void>,
): Promise<CanarySite> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-canary-'))
  await writeApp(folder, { server: SERVER })
  await writeFile(join(folder, 'Taskfile.ts'), taskfile(router))
  const host = await startHost()
  await prepare?.(host)
  const env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  const url = `http://127.0.0.1:${host.httpPort}`
  const start = (more: Record<string, string>, ...args: string[]) => runTask(folder, { ...env, ...more }, args)
  const ends = async (code: number, args: readonly string[]) => {
    const ended: Ended = await start({}, ...args).ended
    const output = ended.stdout + ended.stderr
    expect(ended.code, `task ${args.join(' ')}:\n${output}`).toBe(code)
    return output
  }
  const site: CanarySite = {
    host,
    async release(version, fails = false) {
      await writeFile(join(folder, 'app/VERSION'), `${version}\n`)
      if (fails) await writeFile(join(folder, 'app/FAILS'), '')
      else await rm(join(folder, 'app/FAILS'), { force: true })
    },
    start,
    done: (...args) => ends(0, args),
    async refused(exit, cause, ...args) {
      const output = await ends(exit, args)
      expect(output).toMatch(cause)
      return output
    },
    async at(number) {
      const answer = await fetch(url, { headers: { cookie: `switchyard_canary=${number}` } })
      const { version } = (await answer.json()) as { version: string }
      return { slot: answer.headers.get('x-deployment-slot'), version }
    },
    live: async () => (await (await fetch(`${url}/deployment_id`)).text()).trim(),
    load: () =>
      startLoad({
        url,
        clients: { keepAlive: 4, idle: 2, fresh: 2, post: 0, slow: 0, socket: 0 },
        pauseMs: { keepAlive: 10, fresh: 10 },
        paths: { get: '/' },
        headers: ['x-deployment-slot'],
        maxSeconds: 300,
      }),
    async [Symbol.asyncDispose]() {
      await host.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await site.release('1.0.0')
  await site.done('setup')
  await site.done('deploy', '--promote')
  return site
}
