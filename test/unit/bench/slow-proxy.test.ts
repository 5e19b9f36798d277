import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { startSlowProxy } from '../../../dev/slow-proxy.ts'

/** Responds to each connection with `answer` once it has read all its input. */
async function answering(answer: Buffer) {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.resume().on('end', () => socket.end(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

it('the slow proxy counts the bytes of each direction over all connections', async () => {
  const server = await answering(Buffer.alloc(300_000))
  await using proxy = await startSlowProxy((server.address() as AddressInfo).port, { held: 50_000 })
  for (let i = 1; i <= 2; i += 1) {
    const socket = connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true })
    socket.end(Buffer.alloc(70_000))
    socket.resume()
    await once(socket, 'close')
    expect(proxy.bytes).toEqual({ up: i * 70_000, down: i * 300_000 })
  }
  server.close()
})

it('the slow proxy passes data on in order, after its delay', async () => {
  const server = createServer(socket => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using proxy = await startSlowProxy((server.address() as AddressInfo).port, { delayMs: 40 })
  const socket = connect(proxy.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('one ')
  socket.write('two')
  let received = ''
  socket.setEncoding('utf8')
  while (received.length < 7) received += (await once(socket, 'data'))[0]
  expect(received).toBe('one two')
  socket.destroy()
  server.close()
})

it('the slow proxy counts only round trips that waited for each other', async () => {
  const server = createServer(socket => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using proxy = await startSlowProxy((server.address() as AddressInfo).port, { delayMs: 100 })
  const sockets = [connect(proxy.port, '127.0.0.1'), connect(proxy.port, '127.0.0.1')] as const
  for (const socket of sockets) await once(socket, 'connect')
  const ask = async (socket: (typeof sockets)[number]) => {
    socket.write('word')
    await once(socket, 'data')
  }
  await Promise.all(sockets.map(ask))
  expect(proxy.turns()).toBe(1)
  await ask(sockets[0])
  await ask(sockets[1])
  expect(proxy.turns()).toBe(3)
  for (const socket of sockets) socket.destroy()
  server.close()
})

it('the slow proxy that holds brings nothing more to the port, until it is cut', async () => {
  let got = ''
  const server = createServer(socket => {
    socket.on('data', chunk => {
      got += chunk
      socket.write(chunk)
    })
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using proxy = await startSlowProxy((server.address() as AddressInfo).port, { delayMs: 100 })
  const ask = async (socket: ReturnType<typeof connect>, word: string) => {
    socket.write(word)
    await once(socket, 'data')
  }
  const held = connect(proxy.port, '127.0.0.1')
  await once(held, 'connect')
  await ask(held, 'one ')
  held.write('two ')
  proxy.hold()
  held.write('three ')
  held.on('error', () => undefined)
  await new Promise(resolve => setTimeout(resolve, 300))
  proxy.cut()
  await once(held, 'close')
  const next = connect(proxy.port, '127.0.0.1')
  await once(next, 'connect')
  await ask(next, 'four')
  expect(got).toBe('one four')
  next.destroy()
  server.close()
})
