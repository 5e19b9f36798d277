/** A slow connection to a port of this machine: a TCP proxy on loopback that delays and throttles both directions. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Slowness {
  /** Delay in milliseconds in each direction. @default 0 */
  readonly delayMs?: number
  /** Bytes per second in each direction. @default Infinity */
  readonly rate?: number
  /** Size in bytes of the buffer of each direction. When it is full, the proxy stops reading, so the sender is throttled. @default 256 KiB */
  readonly held?: number
}

export interface SlowProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number
  /** Bytes received so far, to the port and back from it. */
  readonly bytes: Readonly<Bytes>
  /**
   * Number of sequential round trips so far: each packet from the port's side counts as one more than the last one that had arrived there.
   * Exact with a long delay, also on a busy machine; with a short one, packets that cross by chance count too.
   */
  readonly turns: () => number
  /** Brings nothing more to the port, not even what is on its way, until the connections are cut. What comes back from it goes on. */
  hold(): void
  /** Ends all connections at once. What was on its way is lost, as if the cable was pulled. */
  cut(): void
}

/** Counts round trips in one direction: a packet gets its number when it leaves, and reports it when it arrives. */
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
  /** The highest number that has arrived at each side, over all connections. */
  const arrived = { near: 0, far: 0 }
  const up: Chain = {
    leaves: () => arrived.near + 1,
    arrives: turn => {
      arrived.far = Math.max(arrived.far, turn)
    },
  }
  const down: Chain = {
    leaves: () => arrived.far,
    arrives: turn => {
      arrived.near = Math.max(arrived.near, turn)
    },
  }
  const open = new Set<Socket>()
  let holding = false
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true })
    pass(near, far, { delayMs, rate, held }, up, () => holding)
    pass(far, near, { delayMs, rate, held }, down, () => false)
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
  const cut = () => {
    for (const socket of open) socket.destroy()
    holding = false
  }
  return {
    port: (server.address() as AddressInfo).port,
    bytes,
    turns: () => arrived.near,
    hold() {
      holding = true
    },
    cut,
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}

/** Forwards one direction. The queue keeps the order of the chunks, whatever the order of the timers. `lost`: whether what has arrived is lost. */
function pass(
  from: Socket,
  to: Socket,
  { delayMs, rate, held: most }: Required<Slowness>,
  chain: Chain,
  lost: () => boolean,
): void {
  const queue: { item: Buffer | 'end'; turn: number }[] = []
  let held = 0
  let lineFree = 0
  const later = (item: Buffer | 'end', bytes: number) => {
    queue.push({ item, turn: chain.leaves() })
    lineFree = Math.max(Date.now(), lineFree) + (bytes / rate) * 1000
    setTimeout(send, lineFree - Date.now() + delayMs).unref()
  }
  const send = () => {
    const due = queue.shift()
    if (due === undefined || to.destroyed || lost()) return
    if (due.item === 'end') return void to.end()
    held -= due.item.length
    chain.arrives(due.turn)
    to.write(due.item)
    if (held < most) from.resume()
  }
  from.on('data', (chunk: Buffer) => {
    held += chunk.length
    if (held >= most) from.pause()
    later(chunk, chunk.length)
  })
  from.on('end', () => later('end', 0))
}
