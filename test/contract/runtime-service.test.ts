import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServiceOptions, service } from '../../plugins/runtime/service/service.ts'
import type { Release, Runtime, Slot } from '../../slots/contracts.ts'
import type { Bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { type RuntimeHost, request, startRuntimeHost } from '../support/runtime-host.ts'
import { type RuntimeUnderTest, runtimeContract } from './runtime.ts'

const run = promisify(execFile)

/** A web application in Perl, which every Debian has. `WORKERS` is its number of worker processes; `FAULT` makes it misbehave. */
const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP; use IO::Socket::UNIX;
$| = 1;
my $fault = $ENV{FAULT} // '';
if ($fault eq 'exit_at_boot') { print "starting\\nFAULT=exit_at_boot: ending\\n"; exit 1 }
open my $file, '<', 'version' or die; chomp(my $version = <$file>);
my @workers;
my $end = sub { print "told to end by SIG$_[0]\\n"; kill 'KILL', @workers; exit 0 };
$SIG{$_} = $fault eq 'ignore_sigterm' ? 'IGNORE' : $end for 'TERM', 'QUIT';
my $socket = $ENV{SOCKET} ? IO::Socket::UNIX->new(Local => $ENV{SOCKET}, Listen => 50) : IO::Socket::IP->new(LocalAddr => "127.0.0.1:$ENV{PORT}", Listen => 50, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
for (1 .. ($ENV{WORKERS} // 0)) { my $pid = fork; if (!$pid) { $SIG{TERM} = $SIG{QUIT} = 'DEFAULT'; serve() } push @workers, $pid }
if (@workers) { sleep 1 while 1 }
serve();

sub serve {
  while (1) {
    my $client = $socket->accept or next;
    my $head = '';
    while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
    my ($path) = $head =~ m{^\\S+ (\\S+)};
    $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    my ($status, $body) = (404, '');
    if ($path eq '/health') { ($status, $body) = (200, qq({"version":"$version"})) }
    elsif ($path =~ m{^/variable/(\\w+)$} && defined $ENV{$1}) { ($status, $body) = (200, unpack 'H*', $ENV{$1}) }
    elsif ($path =~ m{^/print/(.*)$}) { print "$1\\n"; $status = 200 }
    elsif ($path =~ m{^/touch(/.*)$}) { ($status, $body) = (200, open(my $new, '>>', $1) ? 'done' : "$!") }
    print $client "HTTP/1.1 $status X\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
    close $client;
  }
}
`

/** A migration that runs once for each data folder. */
const MIGRATE = `#!/bin/bash
set -eu
mkdir -p "$DATA"
if [ "\${FAULT-}" = migration_fails ]; then echo 'FAULT=migration_fails in 1_create_cells'; exit 3; fi
if [ -e "$DATA/1_create_cells" ]; then echo 'nothing to do'; exit; fi
touch "$DATA/1_create_cells"
echo '1_create_cells is done'
`

/** A process beside the server. It ends if FAULT names it. */
const WORKER = `#!/bin/bash
if [ "\${FAULT-}" = "$1_ends" ]; then echo "FAULT=$1_ends: ending"; exit 1; fi
echo "$1 of $SWITCHYARD_SLOT"
while :; do sleep 0.2; done
`

async function packed(version: string): Promise<{ version: string; tarball: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-service-'))
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'version'), `${version}\n`)
  await writeFile(join(folder, 'bin/server'), SERVER, { mode: 0o755 })
  await writeFile(join(folder, 'bin/migrate'), MIGRATE, { mode: 0o755 })
  await writeFile(join(folder, 'bin/worker'), WORKER, { mode: 0o755 })
  const tarball = join(folder, 'release.tar.gz')
  await run('tar', ['-C', folder, '-czf', tarball, 'bin', 'version'])
  return { version, tarball }
}

async function startServiceHost(options: Partial<ServiceOptions>): Promise<RuntimeHost> {
  const releases = [await packed('1.0.0'), await packed('1.1.0')] as const
  try {
    const plugin = service({ start: 'bin/server', migrate: 'bin/migrate', console: 'bash -i', ...options })
    return await startRuntimeHost(plugin, releases, { DATA: '/srv/life/data' })
  } finally {
    for (const { tarball } of releases) await rm(dirname(tarball), { recursive: true })
  }
}

/** The processes of a service with `processes`: `worker`, and `scheduler` in the live slot. */
const besides = ({ machine, asRoot }: RuntimeHost): NonNullable<RuntimeUnderTest['processes']> => {
  const unit = (slot: Slot, which: 'always' | 'live') =>
    `life-${which === 'live' ? 'scheduler' : 'worker'}@${slot.name}.service`
  return {
    async pids(slot, which) {
      const { stdout } = await machine.exec(`pgrep -f "bin/worker" | while read -r pid; do
  if grep -q '/${unit(slot, which)}$' /proc/$pid/cgroup; then echo $pid; fi
done`)
      return stdout.split('\n').filter(Boolean).map(Number)
    },
    ends: {
      always: { env: { FAULT: 'worker_ends' }, says: 'FAULT=worker_ends' },
      live: { env: { FAULT: 'scheduler_ends' }, says: 'FAULT=scheduler_ends' },
    },
    async boot() {
      await asRoot(
        `cd /etc/systemd/system/multi-user.target.wants && systemctl stop life*@*.service && systemctl start -- life*`,
      )
    },
  }
}

async function openService(options: Partial<ServiceOptions>): Promise<RuntimeUnderTest> {
  const on = await startServiceHost(options)
  return {
    ...on,
    ...(options.processes && { processes: besides(on) }),
    async variable(slot, name) {
      const { code, stdout } = await request(on, slot, `/variable/${name}`)
      return code === 0 ? Buffer.from(stdout, 'hex').toString('utf8') : undefined
    },
    async print(slot, line) {
      await request(on, slot, `/print/${line}`)
    },
    ignoresSigterm: { FAULT: 'ignore_sigterm' },
    endsAtOnce: { env: { FAULT: 'exit_at_boot' }, says: 'FAULT=exit_at_boot' },
    migrations: {
      env: { DATA: '/srv/life/migrated' },
      says: '1_create_cells is done',
      fails: { env: { FAULT: 'migration_fails' }, says: 'FAULT=migration_fails in 1_create_cells' },
    },
  }
}

runtimeContract('a service of one process', () =>
  openService({ stopLimit: 4, promoted: 'grep -q . version', demoted: ['test', '-x', 'bin/server'] }),
)
runtimeContract('a service of several processes', () =>
  openService({
    processes: { worker: 'bin/worker worker', scheduler: { start: ['bin/worker', 'scheduler'], when: 'live' } },
    stopLimit: 4,
  }),
)
runtimeContract('a service on a unix socket', () => openService({ socket: true, stopLimit: 4 }))
runtimeContract('a service with workers', () =>
  openService({ start: ['env', 'WORKERS=2', 'bin/server'], stopLimit: 4, killMode: 'control-group' }),
)

describe('service()', () => {
  let on: RuntimeHost
  let runtime: Bound<Runtime>
  let blue: Slot
  let old: Release
  beforeAll(async () => {
    on = await startServiceHost({ stopSignal: 'SIGQUIT', memoryMax: '512M', cpuMax: 0.5, filesMax: 4096 })
    runtime = on.runtime()
    ;[blue] = on.slots
    ;[old] = on.releases
  })
  afterAll(() => on?.[Symbol.asyncDispose]())
  const start = async (): Promise<number> => {
    await runtime.stop(blue)
    await on.fill(blue, old)
    await runtime.start(old, blue)
    await on.answers(blue)
    return (await runtime.process(blue)).pid ?? 0
  }

  test('has a unit that systemd accepts without a warning', async () => {
    expect(await on.asRoot('systemd-analyze verify life@blue.service 2>&1')).toBe('')
  })

  test('runs the command as the main process, without a shell and without new privileges', async () => {
    const pid = await start()
    expect(await on.asRoot(`ps -o user=,args= -p ${pid}`)).toMatch(/^vagrant +\/usr\/bin\/perl \S+\/bin\/server\n$/)
    expect(await on.asRoot(`grep NoNewPrivs /proc/${pid}/status`)).toMatch(/1\n$/)
  })

  test('gives the application read-only releases, a private /tmp, and write access to the rest of its folder', async () => {
    await start()
    const touch = async (path: string) => (await request(on, blue, `/touch${path}`)).stdout
    expect(await touch(`${old.dir}/new`)).toBe('Read-only file system')
    expect(await touch('/tmp/mine')).toBe('done')
    expect((await on.machine.exec('ls /tmp/mine')).code).not.toBe(0)
    expect(await touch('/srv/life/slots/blue/tmp/mine')).toBe('done')
    await on.asRoot('ls /srv/life/slots/blue/tmp/mine')
  })

  test('stops the application with `stopSignal`, and limits it to `memoryMax`, `cpuMax` and `filesMax`', async () => {
    await start()
    expect(await on.asRoot('systemctl show --property=MemoryMax --value life@blue')).toBe(`${512 * 1024 * 1024}\n`)
    expect(await on.asRoot('systemctl show --property=CPUQuotaPerSecUSec --value life@blue')).toBe('500ms\n')
    const files = 'grep "Max open files" /proc/$(systemctl show --property=MainPID --value life@blue)/limits'
    expect(await on.asRoot(files)).toMatch(/ 4096 +4096 /)
    expect(await runtime.stop(blue)).toEqual({ was: 'running', killed: false })
    await on.flushLog()
    expect(await runtime.log(blue, 1)).toBe('told to end by SIGQUIT')
  })

  test('restarts the application after it was killed', async () => {
    const pid = await start()
    await on.asRoot(`kill -KILL ${pid}`)
    const now = async () => (await runtime.process(blue)).pid ?? pid
    await expect.poll(now).not.toBe(pid)
    await on.answers(blue)
  })

  test('refuses a release without the program of `start`', async () => {
    await runtime.stop(blue)
    await on.fill(blue, old)
    const nothing = { ...old, dir: '/srv/life/releases/nothing' }
    expect(await faultOf(runtime.start(nothing, blue))).toMatchObject({ code: 'RELEASE_WITHOUT_SCRIPT' })
  })

  test('opens a console in the release of the slot, with its environment', async () => {
    await start()
    const args = ['-F', on.machine.sshConfigFile, '-tt', on.machine.alias, runtime.console?.(blue) ?? '']
    const console = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] })
    console.stdin.write('echo "<$PORT $(cat version)>"; exit 7\n')
    let seen = ''
    console.stdout.on('data', chunk => {
      seen += chunk
    })
    expect(await new Promise(resolve => console.on('close', resolve))).toBe(7)
    expect(seen).toContain('<4000 1.0.0>')
  })
})
