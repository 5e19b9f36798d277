/** A host on which one router is set up, for its contract suite: two applications behind it, and the sudo rules of the router. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startHost, type TestHost } from '../../dev/host.ts'
import { quote } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import type { HostFacts, Plugin, Provision, Router, Slot } from '../../slots/contracts.ts'
import type { RouterUnderTest } from '../contract/router.ts'
import { pluginKit } from './plugin-kit.ts'

export const FACTS: HostFacts = { user: 'vagrant', group: 'vagrant' }
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
]

/** The configuration of an application: an nginx that returns the name of its slot, or the request headers. */
const application = ({ name, port }: Slot) => `
pid /run/app-${name}.pid;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    default_type text/plain;
    location = /missing { return 404 "${name} $request_uri\\n"; }
    location = /headers { return 200 "${HEADERS.map(header => `${header}=$http_${header};`).join('')}"; }
    location / { return 200 "${name} $request_uri\\n"; }
  }
}
`

export interface RouterHost extends RouterUnderTest {
  readonly machine: TestHost
  /** Runs a line of bash as root and resolves to stdout; throws if it fails. */
  root(command: string): Promise<string>
  write(path: string, text: string): Promise<void>
}

interface Setting extends Pick<RouterUnderTest, 'plugin' | 'generations'> {
  readonly plugin: Plugin<Router>
  /** The unit that runs the router. */
  readonly unit: string
  /** Lines of bash for root: `spoil` replaces the router's state by something that it did not write, `mend` restores it. */
  readonly spoil: string
  readonly mend: string
  /** Prepares the host before the router is set up. */
  prepare?(machine: TestHost): Promise<void>
}

export async function startRouterHost({
  plugin,
  generations,
  unit,
  spoil,
  mend,
  prepare,
}: Setting): Promise<RouterHost> {
  const machine = await startHost()
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-router-'))
  const root = async (command: string) => {
    const { code, stdout, stderr } = await machine.exec(command)
    if (code !== 0) throw new Error(`${command}: exit ${code}\n${stdout}${stderr}`)
    return stdout
  }
  const write = async (path: string, content: string, mode = 0o644) => {
    const file = join(folder, 'file')
    await writeFile(file, content)
    await root(`mkdir -p ${quote(dirname(path))}`)
    await machine.copyIn(file, path)
    await root(`chown root:root ${quote(path)} && chmod ${mode.toString(8)} ${quote(path)}`)
  }
  const install = async (provision: Provision) => {
    for (const file of provision.files) await write(file.path, file.text, file.mode)
    for (const { path, mode } of provision.folders)
      await root(`install -d -o vagrant -g vagrant -m ${mode.toString(8)} ${quote(path)}`)
    const rules = provision.sudo.map(line => `vagrant ALL=(root) NOPASSWD: ${line.join(' ')}\n`)
    await write('/etc/sudoers.d/vagrant', rules.join(''), 0o440)
    await root('visudo -cq')
    for (const script of provision.apply) await root(`set -eu -o pipefail; ${script.text}`)
  }
  // Without redirections the daemon would keep the output open, and the call would not return.
  const run = async ({ name }: Slot) => void (await root(`nginx -c /etc/app-${name}.conf >/dev/null 2>&1 </dev/null`))
  const host = await ssh(machine.alias, { configFile: machine.sshConfigFile }).open({
    signal: new AbortController().signal,
    confirm: async () => false,
  })
  const kit = () => pluginKit({ host: host.name, slots: [blue, green] })
  await prepare?.(machine)
  await root('install -d -o vagrant -g vagrant -m 0711 /srv/life')
  for (const slot of [blue, green]) {
    await write(`/etc/app-${slot.name}.conf`, application(slot))
    await run(slot)
  }
  await install(plugin.create(kit()).provision(FACTS))
  return {
    plugin,
    slots: [blue, green],
    generations,
    host,
    facts: FACTS,
    kit,
    install,
    stop: async () => void (await root(`systemctl stop ${unit}`)),
    start: async () => void (await root(`systemctl start ${unit}`)),
    async stopApplication({ name }) {
      await root(`nginx -c /etc/app-${name}.conf -s stop; while [ -e /run/app-${name}.pid ]; do sleep 0.05; done`)
    },
    startApplication: run,
    async spoil() {
      await root(spoil)
      return async () => void (await root(mend))
    },
    machine,
    root,
    write,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
      await machine.stop()
    },
  }
}

/** Sends bytes on a new connection, and resolves to the response. */
export async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  return text(socket)
}

/** Sends a request with these header lines through the site, and resolves to the headers that the application got. One line has to close the connection. */
export async function headersSeen(
  { machine }: RouterHost,
  ...more: string[]
): Promise<Readonly<Record<string, string>>> {
  const lines = ['GET /headers HTTP/1.1', 'Host: life.example:8080', ...more]
  const answer = await raw(machine.httpPort, `${lines.join('\r\n')}\r\n\r\n`)
  return Object.fromEntries(
    (answer.split('\r\n\r\n')[1] ?? '')
      .split(';')
      .filter(Boolean)
      .map(pair => pair.split('=', 2)),
  )
}
