/** Debian's certbot, and pebble, the ACME server with which Let's Encrypt tests, on one host. */
import type { TestHost } from '../../dev/host.ts'

export const ACME_DIRECTORY = 'https://localhost:24000/dir'

/** The timer of certbot is masked, so that only the test renews. */
const install = (packages: string) => `export DEBIAN_FRONTEND=noninteractive
systemctl mask --quiet certbot.timer
apt-get update -q -o Acquire::Languages=none
apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io ${packages}`

/**
 * Not on its default ports, because the slots' Erlang listens on 14000 and 15000. The certificate is for pebble's own API. It validates a name each time,
 * on the ports of the site, and without its artificial delays and errors.
 */
const start = (names: readonly string[]) => `mkdir /root/pebble && cd /root/pebble
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout key.pem -out cert.pem \
  -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1'
cat > pebble.json <<'JSON'
{ "pebble": {
  "listenAddress": "127.0.0.1:24000", "managementListenAddress": "127.0.0.1:25000",
  "certificate": "/root/pebble/cert.pem", "privateKey": "/root/pebble/key.pem",
  "httpPort": 80, "tlsPort": 443
} }
JSON
echo '127.0.0.1 ${names.join(' ')}' >> /etc/hosts
systemd-run --quiet --unit pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 -E PEBBLE_AUTHZREUSE=0 \
  pebble -config /root/pebble/pebble.json`

const ready = `curl='curl -sSf --cacert /root/pebble/cert.pem'
until $curl ${ACME_DIRECTORY}; do systemctl is-active --quiet pebble; sleep 0.1; done
$curl https://localhost:25000/roots/0 > /root/pebble/root.pem`

/** Its authority is `/root/pebble/root.pem`. The names lead to the host itself. */
export async function startPebble(host: TestHost, names: readonly string[], more = ''): Promise<void> {
  for (const command of [install(`certbot pebble ${more}`), start(names), ready]) {
    const { code, stdout, stderr } = await host.exec(`set -e\n${command}`)
    if (code !== 0) throw new Error(`pebble could not be started:\n${stdout}${stderr}`)
  }
}
