/** The configuration of the routers in a HAProxy of this machine, which differs from that of a node by its files and by where its tasks are. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { namesOf } from '../../../swarm/names.ts'
import { CONTROL_PORT, haproxyConfig, SITE_PORT } from '../../../swarm/router/haproxy-config.ts'

const there = await promisify(execFile)('haproxy', ['-v']).then(
  () => true,
  () => false,
)

/** Milliseconds for which a task does not read an upload. Longer than the 15 s after which the routers once gave such a connection up. */
const SLOW = 20_000

/** A task of the slot, which writes down the methods that it was asked with. Those of `mute` it answers by ending the connection. */
async function task(mute: readonly string[]) {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url } = request
    if (url === '/health') return response.end()
    asked.push(method)
    if (mute.includes(method)) return response.destroy()
    if (method === 'PUT') await sleep(SLOW)
    await buffer(request)
    response.end('answered')
  })
  const port = await listening(server)
  onTestFinished(() => void server.close())
  return { asked, port }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** The URL of the site of a router that has these tasks in its live slot. */
async function router(tasks: readonly { readonly port: number }[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-router-'))
  const free = createServer()
  const port = await listening(free)
  free.close()
  const text = haproxyConfig({
    names: namesOf('life'),
    slots: ['blue', 'green'],
    port: 4000,
    health: { path: '/health', host: 'localhost' },
  })
    .replace(/^ +(?:user|group) haproxy\n/gm, '')
    .replace('/switchyard/route.lua', fileURLToPath(new URL('../../../swarm/router/route.lua', import.meta.url)))
    .replace('/route/live.map', join(folder, 'live.map'))
    .replace(`bind :${SITE_PORT}`, `bind 127.0.0.1:${port}`)
    .replace(`bind :${CONTROL_PORT}`, `bind ${join(folder, 'control')}`)
    .replace(/server-template task \S+ \S+ resolvers engine init-addr none (.*)/g, (_, more) =>
      tasks.map(({ port }, i) => `server task${i} 127.0.0.1:${port} ${more}`).join('\n    '),
    )
  await writeFile(join(folder, 'live.map'), 'live blue.1-x\n')
  await writeFile(join(folder, 'haproxy.cfg'), text)
  const running = spawn('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], {
    env: { ...process.env, CONTROL: '::1' },
  })
  onTestFinished(async () => {
    running.kill('SIGKILL')
    await once(running, 'exit')
    await rm(folder, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${port}`
  const live = () => fetch(`${url}/deployment_id`).then(response => response.text(), String)
  await expect.poll(live, { timeout: 30_000 }).toBe('blue\n')
  return url
}

/** On a connection of its own: on one that had an answer before, HAProxy ends the connection instead of answering with 502. */
const statusOf = (url: string, method: string, body?: Buffer) =>
  new Promise<number>((resolve, reject) => {
    const asking = request(url, { method, agent: false }, response => {
      resolve(response.statusCode ?? 0)
      response.resume()
    })
    asking.on('error', reject).end(body)
  })

it('a request that a task has not answered when it ends is answered by another one, if it only reads', async ({
  skip,
}) => {
  if (!there) skip('HAProxy is not installed')
  const [dying, other] = [await task(['GET', 'POST']), await task(['POST'])]
  const url = await router([dying, other])
  const statuses = async (method: string, times: number) => {
    const found: number[] = []
    for (let i = 0; i < times; i++) found.push(await statusOf(url, method))
    return found
  }
  // Each task gets its turn.
  expect(await statuses('GET', 4)).toEqual([200, 200, 200, 200])
  expect(dying.asked).toContain('GET')
  expect(other.asked).toHaveLength(4)
  expect(await statuses('POST', 2)).toEqual([502, 502])
  expect([...dying.asked, ...other.asked].filter(method => method === 'POST')).toHaveLength(2)
})

it('an upload to a task that reads it slowly is not cut off', async ({ skip }) => {
  if (!there) skip('HAProxy is not installed')
  const url = await router([await task([])])
  // More than the kernel keeps for the task.
  expect(await statusOf(url, 'PUT', Buffer.alloc(64 * 1024 * 1024))).toBe(200)
})
