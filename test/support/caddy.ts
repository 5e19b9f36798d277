/** A host on which Caddy listens on port 80 instead of nginx. */
import type { TestHost } from '../../dev/host.ts'
import type { SiteOptions } from '../../dev/site.ts'

/** Installs Debian's package, and adds the line that a person has to add to its Caddyfile. */
const INSTALL = `set -e
export DEBIAN_FRONTEND=noninteractive
systemctl disable --quiet --now nginx
apt-get update -q -o Acquire::Languages=none
apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io caddy
echo 'import /etc/caddy/switchyard/*.caddy' >> /etc/caddy/Caddyfile`

export async function installCaddy(host: TestHost): Promise<void> {
  const { code, stdout, stderr } = await host.exec(INSTALL)
  if (code !== 0) throw new Error(`Caddy could not be installed:\n${stdout}${stderr}`)
}

/** The site name is the address, because the tests and their load send requests to it. */
export const onCaddy: SiteOptions = {
  router: "caddy({ site: '127.0.0.1', url: 'http://127.0.0.1' })",
  prepare: installCaddy,
}
