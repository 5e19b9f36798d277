import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startSlowProxy } from '../../../dev/slow-proxy.ts'
import { meter, trips } from '../../../host/ssh/traffic-meter.ts'

it('packets sent together count as one round trip, and each that waits for a response as one more', () => {
  const chain = trips()
  chain.measured(100)
  for (const at of [0, 1, 2]) chain.sent(at)
  for (const at of [100, 101, 102]) chain.received(at)
  expect(chain.count()).toBe(1)
  chain.sent(103)
  chain.received(203)
  expect(chain.count()).toBe(2)
})

it('a packet received within less than a round trip is not the response to the last one sent', () => {
  const chain = trips()
  chain.measured(100)
  chain.received(0)
  chain.sent(10)
  chain.received(20)
  expect(chain.count()).toBe(0)
  chain.sent(50)
  chain.received(110)
  expect(chain.count()).toBe(1)
  chain.sent(115)
  // The response to the packet sent at 50.
  chain.received(150)
  expect(chain.count()).toBe(1)
  chain.received(215)
  expect(chain.count()).toBe(2)
})

it('a long upload counts only the round trips of its duration, despite window updates', () => {
  const chain = trips()
  chain.measured(100)
  for (let at = 0; at < 1_000; at++) {
    chain.sent(at)
    if (at >= 100) chain.received(at)
  }
  expect(chain.count()).toBeGreaterThanOrEqual(9)
  expect(chain.count()).toBeLessThanOrEqual(13)
})

it('packets before the round trip time is known are counted afterwards', () => {
  const chain = trips()
  chain.unmeasured()
  chain.sent(0)
  // The greeting of the server, which waited for nothing.
  chain.received(50)
  chain.sent(50)
  chain.received(100)
  chain.sent(101)
  chain.received(203)
  expect(chain.count()).toBe(0)
  chain.measured(102)
  expect(chain.count()).toBe(2)
})

it('the meter agrees with a proxy on the connection', async () => {
  const server = createServer(socket => socket.write('hello') && socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using proxy = await startSlowProxy((server.address() as AddressInfo).port, { delayMs: 100 })
  const counted = meter()
  const answered = counted.handshake()
  const open = connect(proxy.port, '127.0.0.1')
  await once(open, 'connect')
  const socket = counted.watch(open)
  const ask = async (text: string, more = 0) => {
    socket.write(text)
    for (let received = 0; received < text.length + more; ) received += (await once(socket, 'data'))[0].length
  }
  socket.resume()
  // Both sides greet at once; the next packet waits for the response to the first.
  await ask('who', 'hello'.length)
  await ask('exchange')
  answered()
  await Promise.all([ask('two'), ask('at once'), delay(50).then(() => ask('a little later'))])
  await ask('x'.repeat(200_000))
  expect(proxy.turns()).toBe(4)
  expect(counted.traffic()).toEqual({ roundTrips: 4, sent: proxy.bytes.up, received: proxy.bytes.down })
  socket.destroy()
  server.close()
})
