/** Sets up a router on a machine for its contract suite: two applications behind it, its provision, and the sudo rules of the deploying user. */
import { posix } from 'node:path'
import type { Host } from '../../host/host.ts'
import { quote, sh } from '../../host/script.ts'
import { slotAt } from '../../slots/address.ts'
import type { HostFacts, Plugin, Provision, Router, Slot } from '../../slots/contracts.ts'
import { pluginKit } from '../support/plugin-kit.ts'
import type { RouterUnderTest } from './router.ts'

/** A Debian machine of the tests' own, such as a container or a virtual machine, with systemd, sudo, curl and the program `nginx` (`nginx-light`). */
export interface Machine {
  /** Logged in as the deploying user. */
  readonly host: Host
  /** Runs a line of bash as root and resolves to its stdout; rejects if it exits with another code than 0. */
  root(command: string): Promise<string>
  /**
   * Another such machine that runs the applications, and its IP address: for a router on a host of its own.
   *
   * @default this one, on loopback
   */
  readonly applications?: Pick<Machine, 'root'> & { readonly address: string }
}

export interface RouterSetting
  extends Pick<RouterUnderTest, 'plugin' | 'generations' | 'configured' | 'canary' | 'assets'> {
  readonly plugin: Plugin<Router>
  /** The systemd unit that runs the router. */
  readonly unit: string
  /** A line of bash for root that replaces the router's state by something that it did not write; `/srv/life/router` is its folder. */
  readonly spoil: string
  /** A line of bash for root that makes good what `spoil` did. */
  readonly mend: string
}

export const blue: Slot = { name: 'blue', port: 4000, env: {} }
export const green: Slot = { name: 'green', port: 5000, env: {} }

const HEADERS = [
  'host',
  'connection',
  'upgrade',
  'x_real_ip',
  'x_forwarded_for',
  'x_forwarded_proto',
  'x_forwarded_host',
  'x_forwarded_port',
  'forwarded',
]

/** The configuration of an application: an nginx that returns the name of its slot, or the request headers. */
const application = (slot: Slot) => `
pid /run/app-${slot.name}.pid;
events {}
http {
  access_log off;
  server {
    listen ${slotAt(slot)};
    default_type text/plain;
    location = /missing { return 404 "${slot.name} $request_uri\\n"; }
    location = /assets/${slot.name}.js { return 200 "${slot.name} $request_uri\\n"; }
    location /assets/ { return 404 "${slot.name} $request_uri\\n"; }
    location = /headers { return 200 "${HEADERS.map(header => `${header}=$http_${header};`).join('')}"; }
    location / { return 200 "${slot.name} $request_uri\\n"; }
  }
}
`

/** A command line that writes a file of root's. The text travels in base64, so it may contain anything. */
const writing = (path: string, text: string, mode: number): string =>
  `mkdir -p ${quote(posix.dirname(path))} && base64 -d > ${quote(path)} <<< ${Buffer.from(text).toString('base64')} && chown root:root ${quote(path)} && chmod ${mode.toString(8)} ${quote(path)}`

/**
 * Installs the applications and the router. Disposing the result closes the host, and leaves the machine as it is; a second call begins anew.
 *
 * @example
 * ```ts
 * routerContract('mine', async () =>
 *   routerOn(await startMachine(), { plugin: mine({ site: 'life.example' }), generations: true, unit: 'mine', spoil, mend }))
 * ```
 */
export async function routerOn(machine: Machine, setting: RouterSetting): Promise<RouterUnderTest> {
  const { host, root, applications } = machine
  const address = applications && { address: applications.address }
  const slots = [
    { ...blue, ...address },
    { ...green, ...address },
  ] as const
  const rootOfApplications = (command: string) => (applications ?? machine).root(command)
  const { plugin, generations, configured, canary, assets, unit, spoil, mend } = setting
  const [user = '', group = ''] = (await host.capture(sh.read`id -un; id -gn`)).split('\n')
  const facts: HostFacts = { user, group }
  const folder = (path: string, mode: number) =>
    root(`install -d -o ${quote(user)} -g ${quote(group)} -m ${mode.toString(8)} ${quote(path)}`)
  const install = async (provision: Provision) => {
    for (const file of provision.files) await root(writing(file.path, file.text, file.mode))
    for (const { path, mode } of provision.folders) await folder(path, mode)
    const rules = provision.sudo.map(line => `${user} ALL=(root) NOPASSWD: ${line.join(' ')}\n`)
    await root(writing(`/etc/sudoers.d/${user}`, rules.join(''), 0o440))
    await root('visudo -cq')
    for (const script of provision.apply) await root(`set -eu -o pipefail; ${script.text}`)
  }
  const stop = (name: string) =>
    rootOfApplications(
      `if [ -e /run/app-${name}.pid ]; then nginx -c /etc/app-${name}.conf -s stop; while [ -e /run/app-${name}.pid ]; do sleep 0.05; done; fi`,
    )
  // Without redirections the daemon would keep the output open, and the call would not return.
  const run = async ({ name }: Slot) =>
    void (await rootOfApplications(`nginx -c /etc/app-${name}.conf >/dev/null 2>&1 </dev/null`))
  const kit = () => pluginKit({ host: host.name, slots })
  await folder('/srv/life', 0o711)
  // What an earlier call has left.
  await Promise.all(slots.map(({ name }) => stop(name)))
  await root('rm -rf /srv/life/router')
  for (const slot of slots) {
    await rootOfApplications(writing(`/etc/app-${slot.name}.conf`, application(slot), 0o644))
    await run(slot)
  }
  await install(plugin.create(kit()).provision(facts))
  return {
    plugin,
    slots,
    generations,
    ...(configured && { configured }),
    ...(canary && { canary }),
    ...(assets && { assets }),
    host,
    facts,
    kit,
    install,
    stop: async () => void (await root(`systemctl stop ${unit}`)),
    start: async () => void (await root(`systemctl start ${unit}`)),
    reload: async () => void (await root(`systemctl reload ${unit}`)),
    stopApplication: async ({ name }) => void (await stop(name)),
    startApplication: run,
    async spoil() {
      await root(spoil)
      return async () => void (await root(mend))
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}
