/** A slow line to a port of this machine: a TCP proxy on loopback that holds back what it passes on, both ways. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Slowness {
  /** Milliseconds that each byte is under way, in each direction. */
  readonly delayMs?: number
  /** Bytes a second, in each direction. */
  readonly rate?: number
  /** Bytes that a direction holds before it reads no more: then the sender feels how slow the line is. Default 256 KiB. */
  readonly held?: number
}

export interface SlowProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number
  /** Bytes that have come in so far, to the port and back from it. */
  readonly bytes: Readonly<Bytes>
}

interface Bytes {
  up: number
  down: number
}

export async function startSlowProxy(
  target: number,
  { delayMs = 0, rate = Number.POSITIVE_INFINITY, held = 256 * 1024 }: Slowness,
): Promise<SlowProxy> {
  const bytes: Bytes = { up: 0, down: 0 }
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true })
    pass(near, far, { delayMs, rate, held })
    pass(far, near, { delayMs, rate, held })
    near.on('data', chunk => {
      bytes.up += chunk.length
    })
    far.on('data', chunk => {
      bytes.down += chunk.length
    })
    for (const [side, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(side)
      side.setNoDelay(true).on('error', () => other.destroy())
      side.on('close', () => open.delete(side))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    bytes,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** One direction. What is due is sent in the order in which it came, whatever the timers do. */
function pass(from: Socket, to: Socket, { delayMs, rate, held: most }: Required<Slowness>): void {
  const queue: (Buffer | 'end')[] = []
  let held = 0
  let lineFree = 0
  const later = (what: Buffer | 'end', bytes: number) => {
    queue.push(what)
    lineFree = Math.max(Date.now(), lineFree) + (bytes / rate) * 1000
    setTimeout(send, lineFree - Date.now() + delayMs).unref()
  }
  const send = () => {
    const due = queue.shift()
    if (due === undefined || to.destroyed) return
    if (due === 'end') return void to.end()
    held -= due.length
    to.write(due)
    if (held < most) from.resume()
  }
  from.on('data', (chunk: Buffer) => {
    held += chunk.length
    if (held >= most) from.pause()
    later(chunk, chunk.length)
  })
  from.on('end', () => later('end', 0))
}
