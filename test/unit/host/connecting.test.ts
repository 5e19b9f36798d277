/** The order in which a connection is made, against a server in this process. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from '../../../host/ssh/config.ts'
import { type Connection, connect } from '../../../host/ssh/connection.ts'
import { meter } from '../../../host/ssh/traffic-meter.ts'
import { deferred, nextTurn } from '../../../runner/promises.ts'

const { Server, utils } = ssh2
const keys = utils.generateKeyPairSync('ed25519')
const ended: (() => unknown)[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connecting-test-'))
})
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
  await rm(folder, { recursive: true })
})

/** An agent without keys. @param asked called before it answers */
async function agent(asked: () => Promise<unknown>): Promise<string> {
  const path = join(folder, 'agent')
  const none = Buffer.from([0, 0, 0, 5, 12, 0, 0, 0, 0])
  const server = createServer(socket => {
    socket.on('error', () => undefined).once('data', () => void asked().then(() => socket.write(none)))
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  ended.push(() => server.close())
  return path
}

/** @param arrived called for each connection; returns whether the server answers it */
async function server(arrived: (socket: Socket) => boolean): Promise<number> {
  const ssh = new Server({ hostKeys: [keys.private] }, client => {
    client.on('error', () => undefined).on('authentication', context => context.accept())
  })
  const tcp = createServer(socket => {
    if (arrived(socket)) ssh.injectSocket(socket)
  })
  await new Promise<void>(resolve => tcp.listen(0, '127.0.0.1', resolve))
  ended.push(() => tcp.close())
  return (tcp.address() as AddressInfo).port
}

async function connected(port: number, agent: string): Promise<Connection> {
  const key = join(folder, 'key')
  await writeFile(key, keys.private, { mode: 0o600 })
  const lines = { hostname: '127.0.0.1', port, user: 'deploy', identityfile: key, identityagent: agent }
  const known = { userknownhostsfile: '/dev/null', stricthostkeychecking: 'accept-new' }
  const text = Object.entries({ ...lines, ...known }).map(([name, value]) => `${name} ${value}`)
  const setting = { signal: new AbortController().signal, confirm: async () => false }
  const connection = await connect(parse('web', text.join('\n'), {}), {
    setting,
    configFile: undefined,
    meter: meter(),
  })
  ended.push(() => connection.close())
  return connection
}

test('a server is reached while the keys are read', async () => {
  const reached = deferred()
  const port = await server(() => {
    reached.resolve()
    return true
  })
  const { ended } = await connected(port, await agent(() => reached.promise))
  expect(ended()).toBe(undefined)
})

test('a server that resets the connection in the meantime is tried again', async () => {
  const reached = deferred<Socket>()
  let connections = 0
  const port = await server(socket => {
    socket.on('error', () => undefined)
    reached.resolve(socket)
    return ++connections > 1
  })
  const reset = async () => {
    const first = await reached.promise
    if (first.destroyed) return
    const closed = once(first, 'close')
    first.resetAndDestroy()
    await closed
    // Until the other end has got it.
    await nextTurn()
  }
  const { ended } = await connected(port, await agent(reset))
  expect(ended()).toBe(undefined)
  // An unknown host key also costs a connection.
  expect(connections).toBe(3)
})
