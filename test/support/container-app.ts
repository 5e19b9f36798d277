/** A web application as a container image, for the contracts of `image()` and `container()`. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The beginning of a Dockerfile: the programs that the tests run in an image, from the base image that every engine of the tests has: 13 MB instead of 160. */
export const SMALL_IMAGE = `FROM debian:bookworm-slim AS debian
WORKDIR /small
RUN mkdir -p etc tmp usr/bin usr/lib usr/lib64 && chmod 1777 tmp && for name in bin lib lib64; do ln -s "usr/$name" "$name"; done \\
  && printf '%s\\n' root:x:0:0::/:/bin/sh vagrant:x:1000:1000::/:/bin/sh > etc/passwd \\
  && for name in bash cat id mkdir perl printf sh sleep touch; do \\
    cp "/usr/bin/$name" usr/bin/; \\
    ldd "/usr/bin/$name" | grep -o '/lib[^ ]*' | while read -r lib; do cp --parents -L "$lib" .; done; \\
  done \\
  && cp -a --parents /usr/lib/x86_64-linux-gnu/perl-base .
FROM scratch
COPY --from=debian /small /
WORKDIR /app
`

const DOCKERFILE = `${SMALL_IMAGE}COPY server migrate work ./
COPY version .
CMD ["./server"]
`

/** Answers /health with its version. \`FAULT\` makes it misbehave. */
const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
$| = 1;
my $fault = $ENV{FAULT} // '';
if ($fault eq 'exit_at_boot') { print "starting\\nFAULT=exit_at_boot: ending\\n"; exit 1 }
open my $file, '<', '/app/version' or die; chomp(my $version = <$file>);
$SIG{$_} = $fault eq 'ignore_sigterm' ? 'IGNORE' : sub { print "told to end by SIG$_[0]\\n"; exit 0 } for 'TERM', 'QUIT';
my $socket = IO::Socket::IP->new(LocalAddr => "127.0.0.1:$ENV{PORT}", Listen => 50, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
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
`

/** Runs once for each folder in `DATA`. */
const MIGRATE = `#!/bin/bash -eu
mkdir -p "$DATA"
if [ "\${FAULT-}" = migration_fails ]; then echo 'FAULT=migration_fails in 1_create_cells'; exit 3; fi
if [ -e "$DATA/1_create_cells" ]; then echo 'nothing to do'; exit; fi
touch "$DATA/1_create_cells"
echo '1_create_cells is done'
`

/** Another process of a slot. It ends at once if the version of its release names it. */
const WORK = `#!/bin/bash
if [[ $(cat /app/version) = *"-$1" ]]; then echo "the $1 is broken"; exit 1; fi
trap 'exit 0' TERM
echo "the $1 of $SWITCHYARD_SLOT works"
while :; do sleep 0.2; done
`

/** Writes the project of a version into a folder. */
export async function writeContainerApp(folder: string, version: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'Dockerfile'), DOCKERFILE)
  await writeFile(join(folder, 'server'), SERVER, { mode: 0o755 })
  await writeFile(join(folder, 'migrate'), MIGRATE, { mode: 0o755 })
  await writeFile(join(folder, 'work'), WORK, { mode: 0o755 })
  await writeFile(join(folder, 'version'), `${version}\n`)
}
