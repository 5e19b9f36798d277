/** A host on which one runtime is set up, for its contract suite: the folder of an application, its releases, and the sudo rules of the runtime. */

import { type HostOptions, startHost, type TestHost } from '../../dev/host.ts'
import type { Host } from '../../host/host.ts'
import { sh } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import type { HostFacts, Plugin, PluginContext, Provision, Release, Runtime, Slot } from '../../slots/contracts.ts'
import { environmentFile } from '../../slots/environment/environment.ts'
import { layout } from '../../slots/layout.ts'
import { sudoersFile } from '../../slots/setup/sudoers.ts'
import { type Bound, bound } from './bound.ts'
import { pluginKit } from './plugin-kit.ts'
import { rootOf } from './root.ts'

const FACTS: HostFacts = { user: 'vagrant', group: 'vagrant' }
const SECONDS = 1000

/** A release to unpack: its version, and a `.tar.gz` on this machine. */
export interface Packed {
  readonly version: string
  readonly tarball: string
}

export interface RuntimeHost extends AsyncDisposable {
  readonly machine: TestHost
  readonly host: Host
  readonly plugin: Plugin<Runtime>
  readonly slots: readonly [Slot, Slot]
  readonly releases: readonly [Release, Release]
  /** The lines that the runtime logged. */
  readonly logged: string[]
  kit(): PluginContext
  runtime(): Bound<Runtime>
  /** Puts a release into a slot as a deploy does, without starting it. */
  fill(slot: Slot, release: Release, env?: Readonly<Record<string, string>>): Promise<void>
  /** Waits until the application in a slot responds to `/health`, and resolves to the body; fails after 30 s. */
  answers(slot: Slot): Promise<string>
  /** Resolves when the journal has everything that was written so far. */
  flushLog(): Promise<void>
  readonly followers: string
  /** Runs a line of bash as root and resolves to stdout; throws if it fails. */
  asRoot(command: string): Promise<string>
}

/** Requests a path of the application in a slot; curl fails for any status except 200. */
export const request = ({ host }: RuntimeHost, slot: Slot, path: string, ...options: readonly string[]) =>
  host.run(sh.read`curl -sf ${options} ${`http://127.0.0.1:${slot.port}${encodeURI(path)}`}`)

export interface RuntimeHostOptions extends HostOptions {
  /** Paths that outlive releases. */
  readonly shared?: readonly string[]
  /** A line of bash that root runs before the user logs in. */
  readonly prepare?: string
}

/** Boots a host, installs the provision of the runtime, and unpacks two releases. `env` is added to the environment file of each filled slot. */
export async function startRuntimeHost(
  plugin: Plugin<Runtime>,
  packed: readonly [Packed, Packed],
  env: Readonly<Record<string, string>> = {},
  { shared = [], prepare = 'true', ...options }: RuntimeHostOptions = {},
): Promise<RuntimeHost> {
  const machine = await startHost(options)
  const asRoot = rootOf(machine)
  await asRoot(prepare)
  const host = await ssh(machine.alias, { configFile: machine.sshConfigFile }).open({
    signal: new AbortController().signal,
    confirm: async () => false,
  })
  const folders = layout('/srv/life', shared)
  const slots: readonly [Slot, Slot] = [
    { name: 'blue', port: 4000, env: {} },
    { name: 'green', port: 5000, env: {} },
  ]
  const logged: string[] = []
  const kit = () => pluginKit({ host: host.name, layout: folders, slots, $: host.$, log: line => logged.push(line) })
  const runtime = () => bound(host, plugin.create(kit()))
  const unpacked = async ({ tarball, version }: Packed): Promise<Release> => {
    const name = `${version}-0000000`
    const dir = folders.release(name)
    await machine.copyIn(tarball, '/tmp/release.tar.gz')
    await host.capture(sh.write`mkdir -p ${dir} && tar -xzf /tmp/release.tar.gz -C ${dir}`)
    return { name, version, sha256: '', dir }
  }

  await asRoot('install -d -o vagrant -g vagrant -m 0711 /srv/life')
  for (const path of shared) await host.capture(sh.write`mkdir -p ${`${folders.shared.dir}/${path}`}`)
  const releases = [await unpacked(packed[0]), await unpacked(packed[1])] as const
  await install(runtime().provision(FACTS), host, asRoot)

  return {
    machine,
    host,
    plugin,
    slots,
    releases,
    logged,
    kit,
    runtime,
    async fill(slot, release, more = {}) {
      const { dir, tmp, current, env: file } = folders.slot(slot.name)
      await host.capture(sh.write`mkdir -p -m 0700 ${dir} ${tmp}; ln -sfn ${release.dir} ${current}`)
      await host.write(file, environmentFile({ ...env, ...runtime().environment(slot), ...more }), 0o600)
    },
    answers: slot =>
      host.capture(sh.read`until curl -sf ${`http://127.0.0.1:${slot.port}/health`}; do sleep 0.1; done`, {
        timeout: 120 * SECONDS,
      }),
    async flushLog() {
      await asRoot('journalctl --sync')
    },
    followers: '[j]ournalctl.*--follow',
    asRoot,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]()
      await machine.stop()
    },
  }
}

/** Installs a provision as `task setup` does. From then on the user may run as root what it lists, and nothing else. */
async function install(provision: Provision, host: Host, asRoot: (command: string) => Promise<string>): Promise<void> {
  for (const tool of Object.keys(provision.tools)) await host.capture(sh.read`command -v ${tool}`)
  for (const { path, mode } of provision.folders)
    await host.capture(sh.write`mkdir -p ${path} && chmod ${mode.toString(8)} ${path}`)
  for (const file of [...provision.files, sudoersFile('life', { root: '/srv/life' }, FACTS, provision.sudo)]) {
    const text = Buffer.from(file.text).toString('base64')
    await asRoot(
      `echo ${text} | base64 -d > /tmp/file && install -D -m ${file.mode.toString(8)} /tmp/file ${file.path}`,
    )
  }
  await asRoot('visudo -cq && rm -f /etc/sudoers.d/vagrant')
  for (const { text } of provision.apply) await asRoot(text)
}
