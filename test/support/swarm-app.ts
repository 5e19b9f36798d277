/** A web application for a swarm: an image, a Taskfile, and the built program, run as by a user. */

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOME } from '../../dev/paths.ts'
import { type Ended, type Running, runTask } from '../../dev/site.ts'
import type { TestSwarm } from '../../dev/swarm.ts'
import { SMALL_IMAGE } from './container-app.ts'
import { giveInput } from './input.ts'

const DOCKERFILE = `${SMALL_IMAGE}COPY server migrate ./
COPY version fault ./
CMD ["./server"]
`

/**
 * Four processes that answer with the version, the slot and the node, and accept WebSockets at /ws. `fault`: `ill` fails the health path, `ends` ends at once,
 * `sockets` refuses WebSockets, `probed` fails /probed.
 */
const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
$| = 1;
my $read = sub { open my $file, '<', "/app/$_[0]" or return ''; my $line = <$file> // ''; chomp $line; $line };
my ($version, $fault) = ($read->('version'), $read->('fault'));
if ($fault eq 'ends') { print "fault: ending\\n"; exit 3 }
# Of the key that a promote asks with, the example of RFC 6455. HAProxy takes an answer without it for none.
my $accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
my $socket = IO::Socket::IP->new(LocalAddr => "0.0.0.0:$ENV{PORT}", Listen => 200, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
print "life $version listens on $ENV{PORT}\\n";
my @workers = map { my $pid = fork; serve() if !$pid; $pid } 1 .. 4;
$SIG{TERM} = sub { kill 'TERM', @workers; exit 0 };
wait while 1;
sub serve {
  my $ended = 0; $SIG{TERM} = sub { $ended = 1 };
  until ($ended) {
    my $client = $socket->accept or next;
    my $head = '';
    while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
    my ($path) = $head =~ m{^\\S+ (\\S+)} or next;
    my ($status, $body) = (200, qq({"version":"$version","slot":"$ENV{SLOT}","node":"$ENV{NODE}"}));
    if ($path eq '/health' && $fault eq 'ill') { $status = 503 }
    if ($path eq '/probed' && $fault eq 'probed') { $status = 500 }
    if ($path eq '/ws' && $fault eq 'sockets') { $status = 403 }
    elsif ($path eq '/ws') { print $client "HTTP/1.1 101 X\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: $accept\\r\\n\\r\\n"; close $client; next }
    if ($path =~ m{^/variable/(\\w+)$}) { $body = $ENV{$1} // 'none' }
    print $client "HTTP/1.1 $status X\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
    close $client;
  }
  exit 0;
}
`

/** `fault`: `migration` fails, `slow` waits for the file /go-on. */
const MIGRATE = `#!/bin/bash -eu
echo "migrating to $(cat /app/version) with \${DATABASE_URL-no database}"
if [ "$(cat /app/fault)" = slow ]; then until [ -e /go-on ]; do sleep 0.1; done; fi
if [ "$(cat /app/fault)" = migration ]; then echo 'the column is gone'; exit 4; fi
echo migrated
`

export type Fault = 'none' | 'ill' | 'ends' | 'sockets' | 'probed' | 'migration' | 'slow'

export interface SwarmSite extends AsyncDisposable {
  /** Runs `task` to its end. */
  task(...args: string[]): Promise<Ended>
  /** As `task`, with this standard input. */
  feed(input: string, ...args: string[]): Promise<Ended>
  /** As `task`, without waiting for its end. */
  start(...args: string[]): Running
  /** The next build has this version and fault. */
  release(version: string, fault?: Fault): Promise<void>
  /** Replaces the value of an option in the Taskfile. */
  option(name: string, value: string): Promise<void>
}

const OPTIONS = {
  image: 'image({ version })',
  manager: "at('m1')",
  registry: "env.REGISTRY + '/life'",
  replicas: '3',
  slots: "{ blue: {}, green: { env: { COLOUR: 'green' } } }",
  health: '{ within: 60_000 }',
}

const taskfile = (options: Readonly<Record<string, string>>) => `
import { readFileSync } from 'node:fs'
import { env, image, ssh, swarm } from 'switchyard-deploy'

const at = (name: string) => ssh(name, { configFile: env.SSH_CONFIG })
const version = () => readFileSync(new URL('version', import.meta.url), 'utf8').trim()

export const {
  setup, deploy, promote, rollback, restart, migrate, console, exec, logs, status, watch, scale, history, pending, config, envDiff, doctor,
  repair, remove,
} = swarm({
  app: 'life',
  port: 4000,
  router: { port: 80, image: env.ROUTER_IMAGE },
  env: '.env',
  migrate: '/app/migrate',
  console: 'bash',
  nodes: ({ name }) => at(name),
${Object.entries(options)
  .map(([name, value]) => `  ${name}: ${value},\n`)
  .join('')}}).tasks
`

/** The value that no output may show. */
export const SECRET = 'open-sesame-8-thieves'

export async function startSwarmSite(swarm: TestSwarm): Promise<SwarmSite> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-swarm-site-'))
  const env = {
    ...process.env,
    CI: '1',
    SSH_CONFIG: swarm.sshConfigFile,
    REGISTRY: swarm.registry,
    ROUTER_IMAGE: swarm.routerImage,
  }
  const options: Record<string, string> = { ...OPTIONS }
  await mkdir(join(folder, 'node_modules'))
  await symlink(HOME, join(folder, 'node_modules/switchyard-deploy'))
  await writeFile(join(folder, 'Dockerfile'), DOCKERFILE)
  await writeFile(join(folder, 'server'), SERVER, { mode: 0o755 })
  await writeFile(join(folder, 'migrate'), MIGRATE, { mode: 0o755 })
  await writeFile(join(folder, '.env'), `DATABASE_URL=ecto://life:${SECRET}@db/life\nSPACED="a b"\nHOME=/nowhere\n`)
  await writeFile(join(folder, 'Taskfile.ts'), taskfile(options))
  return {
    task: (...args) => runTask(folder, env, args).ended,
    feed: (input, ...args) => fed(folder, env, input, args),
    start: (...args) => runTask(folder, env, args),
    async release(version, fault = 'none') {
      await writeFile(join(folder, 'version'), `${version}\n`)
      await writeFile(join(folder, 'fault'), `${fault}\n`)
    },
    async option(name, value) {
      if (value === '') delete options[name]
      else options[name] = value
      await writeFile(join(folder, 'Taskfile.ts'), taskfile(options))
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

function fed(folder: string, env: NodeJS.ProcessEnv, input: string, args: readonly string[]): Promise<Ended> {
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      [join(HOME, 'bin/task.mjs'), ...args],
      { cwd: folder, env },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 128) : 0, stdout, stderr }),
    )
    giveInput(child, input)
  })
}
