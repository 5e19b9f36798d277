/** A host on which one router is set up, for its contract suite. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { type HostOptions, startHost, type TestHost } from '../../dev/host.ts'
import { quote } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import type { HostFacts } from '../../slots/contracts.ts'
import type { RouterUnderTest } from '../contract/router.ts'
import { type RouterSetting, routerOn } from '../contract/router-machine.ts'
import type { OutsiderAnswer } from '../contract/router-options.ts'
import { rootOf } from './root.ts'

export { blue, green } from '../contract/router-machine.ts'

export const FACTS: HostFacts = { user: 'vagrant', group: 'vagrant' }

export interface RouterHost extends RouterUnderTest {
  readonly machine: TestHost
  /** Runs a line of bash as root and resolves to stdout; throws if it fails. */
  root(command: string): Promise<string>
  write(path: string, text: string): Promise<void>
}

interface Setting extends RouterSetting {
  /** Prepares the host before the router is set up. */
  prepare?(machine: TestHost): Promise<void>
  /** How the machine is started. */
  readonly start?: HostOptions
  /** Whether the applications run on another host than the router. */
  readonly apart?: boolean
}

export async function startRouterHost({ prepare, start, apart, ...setting }: Setting): Promise<RouterHost> {
  const [machine, other] = await Promise.all([startHost(start), apart ? startHost() : undefined])
  const root = rootOf(machine)
  const applications = other && { root: rootOf(other), address: await other.address() }
  const write = async (path: string, content: string) => {
    const encoded = Buffer.from(content).toString('base64')
    await root(
      `mkdir -p ${quote(dirname(path))} && base64 -d > ${quote(path)} <<< ${encoded} && chmod 644 ${quote(path)}`,
    )
  }
  const host = await ssh(machine.alias, { configFile: machine.sshConfigFile }).open({
    signal: new AbortController().signal,
    confirm: async () => false,
  })
  await prepare?.(machine)
  const outsider = (path: string, method = 'GET', headers = {}) => requestSite(machine.httpPort, path, method, headers)
  const router = await routerOn({ host, root, ...(applications && { applications }) }, setting)
  return {
    ...router,
    outsider,
    outsiderAddress: async () => /x_real_ip=([^;]*);/.exec((await outsider('/headers')).body)?.[1] ?? '',
    machine,
    root,
    write,
    async [Symbol.asyncDispose]() {
      await router[Symbol.asyncDispose]()
      await Promise.all([machine.stop(), other?.stop()])
    },
  }
}

const requestSite = (port: number, path: string, method: string, more: Readonly<Record<string, string>>) =>
  new Promise<OutsiderAnswer>((resolve, reject) => {
    const body = method === 'POST' ? (more['Content-Length'] ? 'x'.repeat(Number(more['Content-Length'])) : 'a=b') : ''
    const length = method === 'POST' ? { 'Content-Length': body.length } : {}
    const headers = { Host: 'life.example', Connection: 'close', ...length, ...more }
    request({ port, path, method, headers }, async answer => {
      const named = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
      resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(named), body: await text(answer) })
    })
      .on('error', reject)
      .end(body)
  })

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
