/** The WebSockets that a promote asks for around a switch. */
import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { Router } from '../../../slots/contracts.ts'
import { askSockets, socketFault, socketScript, socketWarnings } from '../../../slots/promote/sockets.ts'

const run = promisify(execFile)
let server: Server | undefined
const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
  server?.close()
})

/** Accepts WebSockets of one origin, except at paths that say what happens instead. */
async function started() {
  const seen: Record<string, unknown>[] = []
  server = createServer((_, response) => response.writeHead(404).end()).on('upgrade', (request, socket: Socket) => {
    open.push(socket)
    seen.push(request.headers)
    if (request.url === '/hangs') return
    if (request.url === '/cuts') return socket.destroy()
    const accepted = request.headers.origin === 'http://life.example'
    socket.write(
      accepted
        ? 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
        : 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
    )
  })
  await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const curl = (path: string) => ['-q', '--http1.1', `http://127.0.0.1:${port}${path}`]
  const statuses = async (origin: string, ...paths: string[]) =>
    (await run('bash', ['-euo', 'pipefail', '-c', socketScript(curl, origin, paths).text])).stdout.trim().split('\n')
  return { seen, statuses }
}

describe('a WebSocket around a switch', () => {
  it('is asked for with the Origin of the site, and closed as soon as it is open', async () => {
    const { seen, statuses } = await started()
    const begin = performance.now()
    expect(await statuses('http://life.example', '/a', '/b?vsn=2.0.0')).toEqual(['101', '101'])
    expect(performance.now() - begin).toBeLessThan(4_000)
    expect(seen[0]).toMatchObject({
      upgrade: 'websocket',
      origin: 'http://life.example',
      'sec-websocket-version': '13',
    })
    expect(seen[0]?.cookie).toBe('switchyard_canary=fff')
  })

  it('that is refused, cut off or never answered has another status', async () => {
    const { statuses } = await started()
    expect(await statuses('http://other.example', '/a', '/cuts')).toEqual(['403', '000'])
    expect(await statuses('http://life.example', '/hangs', '/a')).toEqual(['000', '101'])
  })

  it('fails the switch only if the previous slot accepted it', () => {
    const paths = ['/a', '/b']
    expect(socketFault('green', paths, [101, 101], [101, 101])).toBeUndefined()
    expect(socketFault('green', paths, [403, 101], [404, 101])).toBeUndefined()
    expect(socketFault('green', paths, [503, 0], [101, 101])).toBeUndefined()
    expect(socketFault('green', paths, [101, 101], [101, 403])).toMatchObject({
      code: 'SOCKET_REFUSED',
      exitCode: 1,
      message: 'green refuses a WebSocket at /b, which the previous slot accepted: status 403 instead of 101.',
    })
    expect(socketFault('green', paths, [101, 101], [0, 101])?.message).toContain('no answer instead of 101')
  })

  it('is told of where neither slot accepts one, because nothing was compared there', () => {
    const paths = ['/a', '/b', '/c']
    expect(socketWarnings(paths, [101, 503, 101], [101, 101, 403])).toEqual([])
    expect(socketWarnings(paths, [101, 404, 0], [101, 404, 0])).toMatchObject([
      { code: 'SOCKET_UNUSED', message: expect.stringMatching(/^No slot accepts a WebSocket at \/b: status 404 /) },
      { code: 'SOCKET_UNUSED', message: expect.stringMatching(/^No slot accepts a WebSocket at \/c: no answer /) },
    ])
  })

  it('is not asked for without a path, or of a router that cannot be asked', () => {
    const curl = (path: string) => [`http://life.example${path}`]
    const site = { host: 'life.example', https: true }
    expect(askSockets({ curl, site } as Partial<Router> as Router, [])).toEqual([])
    expect(askSockets({ site } as Partial<Router> as Router, ['/a'])).toEqual([])
    const [query] = askSockets({ curl, site, machine: 'balancer' } as Partial<Router> as Router, ['/a'])
    expect(query?.script).toMatchObject({
      machine: 'balancer',
      text: expect.stringContaining('Origin: https://life.example'),
    })
  })
})
