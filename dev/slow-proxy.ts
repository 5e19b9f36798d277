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
  /**
   * Round trips so far that came one after the other: each word from the port's side waited for an answer that had arrived.
   * On a long line that is exact, whatever the machine does meanwhile; on a short one, what only met by chance counts too.
   */
  readonly turns: () => number
}

/** The place of a word in a conversation: given when it leaves, told when it arrives. */
interface Chain {
  leaves(): number
  arrives(turn: number): void
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
  /** The longest chain of words and answers that each side has heard the end of, over all connections. */
  const heard = { near: 0, far: 0 }
  const up: Chain = {
    leaves: () => heard.near + 1,
    arrives: turn => {
      heard.far = Math.max(heard.far, turn)
    },
  }
  const down: Chain = {
    leaves: () => heard.far,
    arrives: turn => {
      heard.near = Math.max(heard.near, turn)
    },
  }
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true })
    pass(near, far, { delayMs, rate, held }, up)
    pass(far, near, { delayMs, rate, held }, down)
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
    turns: () => heard.near,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** One direction. What is due is sent in the order in which it came, whatever the timers do. */
function pass(from: Socket, to: Socket, { delayMs, rate, held: most }: Required<Slowness>, chain: Chain): void {
  const queue: { what: Buffer | 'end'; turn: number }[] = []
  let held = 0
  let lineFree = 0
  const later = (what: Buffer | 'end', bytes: number) => {
    queue.push({ what, turn: chain.leaves() })
    lineFree = Math.max(Date.now(), lineFree) + (bytes / rate) * 1000
    setTimeout(send, lineFree - Date.now() + delayMs).unref()
  }
  const send = () => {
    const due = queue.shift()
    if (due === undefined || to.destroyed) return
    if (due.what === 'end') return void to.end()
    held -= due.what.length
    chain.arrives(due.turn)
    to.write(due.what)
    if (held < most) from.resume()
  }
  from.on('data', (chunk: Buffer) => {
    held += chunk.length
    if (held >= most) from.pause()
    later(chunk, chunk.length)
  })
  from.on('end', () => later('end', 0))
}
