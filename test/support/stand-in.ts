/**
 * A stand-in for the sample application: the same release, but its script starts a small server in Perl, whose behaviour depends on `MODE` in its
 * environment. It emulates servers in other languages, and starts faster than an Erlang VM.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { lifeTarball } from '../../dev/life.ts'
import type { Site } from '../../dev/site.ts'
import { NEXT_VERSION } from './invariant.ts'

const run = promisify(execFile)

/** `MODE` is a list of flags, separated by spaces. */
const SERVER = `
use strict; use warnings; use IO::Socket::IP; use POSIX ();
$SIG{PIPE} = 'IGNORE'; $SIG{TERM} = sub { kill 'KILL', -getpgrp; };
my %mode = map { $_ => 1 } split / /, $ENV{MODE} // '';
$| = 1;
setpgrp;
# Fails until its database exists.
if ($mode{late_database} && !-e '/srv/life/database') { print "no route to the database\\n"; exit 1 }
sub bound { IO::Socket::IP->new(LocalAddr => ($ENV{ADDRESS} // "127.0.0.1") . ":$ENV{PORT}", Listen => 50, ReuseAddr => 1, V6Only => 1, GetAddrInfoFlags => 0, @_) or die "cannot bind: $!\\n" }
my $socket;
if ($mode{listens_nowhere}) { sleep 1 while 1 }
# Each worker has its own socket on the same port.
elsif ($mode{own_sockets}) { for (1 .. 2) { fork or do { serve(bound(ReusePort => 1)) } } sleep 1 while 1 }
# The workers inherit the socket of their parent, which closes it.
elsif ($mode{forked_workers}) { $socket = bound(); for (1 .. 2) { fork or serve($socket) } close $socket; sleep 1 while 1 }
# The workers' parent has ended, so they are children of the init process.
elsif ($mode{orphaned_workers}) { $socket = bound(); fork or do { fork or serve($socket); POSIX::_exit(0) }; close $socket; sleep 1 while 1 }
else { serve($mode{shared_port} ? bound(ReusePort => 1) : bound()) }

sub serve {
  my ($on) = @_;
  while (1) {
    my $client = $on->accept or next;
    my $head = '';
    while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
    my ($path) = $head =~ m{^\\S+ (\\S+)};
    my %header = map { /^([^:]+): *(.*?)\\r?$/ ? (lc($1) => $2) : () } split /\\n/, $head;
    my ($status, $more, $body) = (200, '', '{"version":"${NEXT_VERSION}"}');
    if ($mode{forces_https} && ($header{'x-forwarded-proto'} // '') ne 'https') {
      ($status, $more, $body) = (301, "Location: https://life.example$path\\r\\n", '<html><body>You are being redirected.</body></html>');
    } elsif ($mode{allowed_host} && ($header{host} // '') !~ /^(?:www\\.)?life\\.example(?::\\d+)?$/) {
      ($status, $body) = (403, '<!DOCTYPE html><title>Error</title><h1>Blocked host: ' . ($header{host} // '') . '</h1>');
    } elsif ($mode{basic_auth} && ($header{authorization} // '') ne 'Basic bWU6b3BlbiBzZXNhbWU=') {
      ($status, $more, $body) = (401, "WWW-Authenticate: Basic\\r\\n", "HTTP Basic: Access denied.\\n");
    } elsif ($mode{server_error}) {
      ($status, $body) = (500, "\\n  relation users does not exist\\n");
      print "ERROR: migrate the tables first\\n";
    }
    print $client "HTTP/1.1 $status X\\r\\n\${more}Content-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
    close $client;
  }
}
`

/** Builds the stand-in. Resolves to the environment variables with which a task deploys it. The artifact is named so that the invariant finds it. */
export async function standIn(site: Site): Promise<Record<string, string>> {
  const folder = join(site.folder, 'stand-in')
  const artifact = join(site.folder, 'stand-in.tar.gz')
  await mkdir(folder)
  await run('tar', ['-xzf', await lifeTarball(NEXT_VERSION), '-C', folder])
  await writeFile(join(folder, 'bin/life'), '#!/bin/sh\nexec perl "$(dirname "$0")/server.pl"\n', { mode: 0o755 })
  await writeFile(join(folder, 'bin/server.pl'), SERVER)
  await run('tar', ['-C', folder, '-cf', artifact.replace(/\.gz$/, ''), '.'])
  await run('gzip', ['-1f', artifact.replace(/\.gz$/, '')])
  const sha256 = createHash('sha256')
    .update(await readFile(artifact))
    .digest('hex')
  const path = join(site.folder, `heavy-${sha256.slice(0, 7)}.tar.gz`)
  await rename(artifact, path)
  return { LIFE_VERSION: NEXT_VERSION, LIFE_TARBALL: path }
}

/** Changes the `MODE` of the stand-in in a slot, and restarts it. */
export async function behave(site: Site, slot: string, mode: string): Promise<void> {
  const { code, stderr } = await site.host.exec(`
sed -i '/^MODE=/d' /srv/life/slots/${slot}/env && echo 'MODE="${mode}"' >> /srv/life/slots/${slot}/env
systemctl restart life@${slot}.service`)
  if (code !== 0) throw new Error(stderr)
}
