/** Two hosts for one application: `web-1` has its slots, and `lb-1` is for the router. */
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { runTask } from '../../dev/site.ts'

const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
open my $file, '<', 'VERSION' or die; chomp(my $version = <$file>);
my $address = $ENV{LISTEN_ADDRESS} // '127.0.0.1';
my $socket = IO::Socket::IP->new(LocalAddr => "$address:$ENV{PORT}", Listen => 50, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
while (1) {
  my $client = $socket->accept or next;
  my $head = '';
  while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
  my $body = qq({"version":"$version"});
  print $client "HTTP/1.1 200 X\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
  close $client;
}
`

export interface Pair extends AsyncDisposable {
  readonly web: TestHost
  readonly lb: TestHost
  readonly folder: string
  /** The address of `web-1`, at which the other one reaches it. */
  readonly upstream: string
  /** The URL of the router on `lb-1`, from this machine. */
  readonly url: string
  /** Sets the version of the next release. */
  version(text: string): Promise<void>
  /** Runs `task`, expects this exit code, and resolves to its output. */
  ends(code: number, args: readonly string[], more?: NodeJS.ProcessEnv): Promise<string>
  /** Runs a line of bash as root, expects it to succeed, and resolves to its output. */
  run(host: TestHost, command: string): Promise<string>
}

/** Boots both hosts and writes a Taskfile, which gets SSH_CONFIG and UPSTREAM. Sets up nothing. The application is `app/bin/server`. */
export async function startPair(taskfile: string): Promise<Pair> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-balancer-'))
  const [web, lb] = await Promise.all([startHost(), startHost(), mkdir(join(folder, 'app/bin'), { recursive: true })])
  const config = join(folder, 'ssh_config')
  for (const [name, host] of [
    ['web-1', web],
    ['lb-1', lb],
  ] as const)
    await appendFile(config, (await readFile(host.sshConfigFile, 'utf8')).replace('Host life-test', `Host ${name}`))
  await writeFile(join(folder, 'app/bin/server'), SERVER)
  await chmod(join(folder, 'app/bin/server'), 0o755)
  await writeFile(join(folder, 'Taskfile.ts'), taskfile)
  const upstream = await web.address()
  const env = { ...process.env, CI: '1', SSH_CONFIG: config, UPSTREAM: upstream }
  const version = (text: string) => writeFile(join(folder, 'app/VERSION'), `${text}\n`)
  await version('1.0.0')
  return {
    web,
    lb,
    folder,
    upstream,
    url: `http://127.0.0.1:${lb.httpPort}`,
    version,
    async ends(code, args, more = {}) {
      const { stdout, stderr, ...ended } = await runTask(folder, { ...env, ...more }, args).ended
      expect(ended.code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(code)
      return stdout + stderr
    },
    async run(host, command) {
      const { code, stdout, stderr } = await host.exec(command)
      expect(code, `${command}:\n${stdout}${stderr}`).toBe(0)
      return stdout.trim()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([web.stop(), lb.stop()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
