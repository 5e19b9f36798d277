import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startSlowProxy } from '../../../dev/slow-proxy.ts'
import { meter, trips } from '../../../host/ssh/traffic-meter.ts'

it('words that are sent at once cost one trip together, and each that waits for an answer one more', () => {
  const chain = trips()
  chain.measured(100)
  for (const at of [0, 1, 2]) chain.sent(at)
  for (const at of [100, 101, 102]) chain.received(at)
  expect(chain.count()).toBe(1)
  chain.sent(103)
  chain.received(203)
  expect(chain.count()).toBe(2)
})

it('what comes sooner than the line is long answers an earlier word, or none', () => {
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
  // The answer to what was sent at 50.
  chain.received(150)
  expect(chain.count()).toBe(1)
  chain.received(215)
  expect(chain.count()).toBe(2)
})

it('a long upload whose window is opened again and again costs what its length takes, and no more', () => {
  const chain = trips()
  chain.measured(100)
  for (let at = 0; at < 1_000; at++) {
    chain.sent(at)
    if (at >= 100) chain.received(at)
  }
  expect(chain.count()).toBeGreaterThanOrEqual(9)
  expect(chain.count()).toBeLessThanOrEqual(13)
})

it('what happened before the length of the line was known is counted then', () => {
  const chain = trips()
  chain.unmeasured()
  chain.sent(0)
  // The greeting of the other side, which waited for nothing.
  chain.received(50)
  chain.sent(50)
  chain.received(100)
  chain.sent(101)
  chain.received(203)
  expect(chain.count()).toBe(0)
  chain.measured(102)
  expect(chain.count()).toBe(2)
})

it('says what a proxy on the line says', async () => {
  const server = createServer(socket => socket.write('hello') && socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using proxy = await startSlowProxy((server.address() as AddressInfo).port, { delayMs: 100 })
  const counted = meter()
  const answered = counted.handshake()
  const open = connect(proxy.port, '127.0.0.1')
  await once(open, 'connect')
  const socket = counted.watch(open)
  const ask = async (words: string, more = 0) => {
    socket.write(words)
    for (let heard = 0; heard < words.length + more; ) heard += (await once(socket, 'data'))[0].length
  }
  socket.resume()
  // Both sides greet at once; the next word waits for the answer to the first.
  await ask('who', 'hello'.length)
  await ask('exchange')
  answered()
  await Promise.all([ask('two'), ask('at once'), delay(50).then(() => ask('one a little later'))])
  await ask('x'.repeat(200_000))
  expect(proxy.turns()).toBe(4)
  expect(counted.traffic()).toEqual({ roundTrips: 4, sent: proxy.bytes.up, received: proxy.bytes.down })
  socket.destroy()
  server.close()
})
