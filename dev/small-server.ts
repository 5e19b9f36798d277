/** An application in Perl, on LISTEN_ADDRESS or loopback, which tells the version in its file VERSION, and that address. */
export const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
open my $file, '<', 'VERSION' or die; chomp(my $version = <$file>);
my $address = $ENV{LISTEN_ADDRESS} // '127.0.0.1';
my $socket = IO::Socket::IP->new(LocalAddr => "$address:$ENV{PORT}", Listen => 50, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
print STDERR "version $version listens on $address:$ENV{PORT}\\n";
while (1) {
  my $client = $socket->accept or next;
  my $head = '';
  while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
  my $body = qq({"version":"$version"});
  print $client "HTTP/1.1 200 X\\r\\nContent-Length: " . length($body) . "\\r\\nX-Answered-By: $address\\r\\nConnection: close\\r\\n\\r\\n$body";
  close $client;
}
`
