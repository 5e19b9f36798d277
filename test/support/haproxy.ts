/** A host on which HAProxy listens on port 80 instead of nginx. */
import type { TestHost } from '../../dev/host.ts'
import type { SiteOptions } from '../../dev/site.ts'

/** Installs Debian's packages; nginx stays installed, so a test can run it. */
const INSTALL = `set -e
export DEBIAN_FRONTEND=noninteractive
systemctl disable --quiet --now nginx
apt-get update -q -o Acquire::Languages=none
apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io haproxy socat`

export async function installHaproxy(host: TestHost): Promise<void> {
  const { code, stdout, stderr } = await host.exec(INSTALL)
  if (code !== 0) throw new Error(`HAProxy could not be installed:\n${stdout}${stderr}`)
}

/** The site name is the address, because the tests and their load send requests to it. */
export const onHaproxy: SiteOptions = { router: "haproxy({ site: '127.0.0.1' })", prepare: installHaproxy }
