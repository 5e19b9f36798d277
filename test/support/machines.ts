/** Several hosts for one application, with one SSH configuration, and a small application whose version can be set. */
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Running, runTask } from '../../dev/site.ts'

/** An application in Perl, on LISTEN_ADDRESS or loopback, which tells the version in its file VERSION. */
export const SERVER = `#!/usr/bin/perl
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

export interface Machines extends AsyncDisposable {
  /** In the order of the names. */
  readonly hosts: readonly TestHost[]
  readonly folder: string
  /** Sets the version of the next release. */
  version(text: string): Promise<void>
  /** Starts `task`, without waiting for its end. */
  start(args: readonly string[], more?: NodeJS.ProcessEnv): Running
  /** Runs `task`, expects this exit code, and resolves to its output. */
  ends(code: number, args: readonly string[], more?: NodeJS.ProcessEnv): Promise<string>
  /** Runs a line of bash as root, expects it to succeed, and resolves to its output. */
  run(host: TestHost, command: string): Promise<string>
}

/**
 * Boots a host for each name and writes a Taskfile, which gets SSH_CONFIG. Sets up nothing. The application is `app/bin/server`.
 *
 * @param variables further variables for the Taskfile, from the hosts
 */
export async function startMachines(
  names: readonly string[],
  taskfile: string,
  variables: (hosts: readonly TestHost[]) => Promise<NodeJS.ProcessEnv> = async () => ({}),
): Promise<Machines> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-machines-'))
  const [hosts] = await Promise.all([
    Promise.all(names.map(() => startHost())),
    mkdir(join(folder, 'app/bin'), { recursive: true }),
  ])
  const config = join(folder, 'ssh_config')
  for (const [i, host] of hosts.entries())
    await appendFile(config, (await readFile(host.sshConfigFile, 'utf8')).replace('Host life-test', `Host ${names[i]}`))
  await writeFile(join(folder, 'app/bin/server'), SERVER)
  await chmod(join(folder, 'app/bin/server'), 0o755)
  await writeFile(join(folder, 'Taskfile.ts'), taskfile)
  const env = { ...process.env, CI: '1', SSH_CONFIG: config, ...(await variables(hosts)) }
  const version = (text: string) => writeFile(join(folder, 'app/VERSION'), `${text}\n`)
  await version('1.0.0')
  const start: Machines['start'] = (args, more = {}) => runTask(folder, { ...env, ...more }, [...args])
  return {
    hosts,
    folder,
    version,
    start,
    async ends(code, args, more = {}) {
      const { stdout, stderr, ...ended } = await start(args, more).ended
      expect(ended.code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(code)
      return stdout + stderr
    },
    async run(host, command) {
      const { code, stdout, stderr } = await host.exec(command)
      expect(code, `${command}:\n${stdout}${stderr}`).toBe(0)
      return stdout.trim()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(hosts.map(host => host.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
