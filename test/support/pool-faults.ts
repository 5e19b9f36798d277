/** A pool's host that is lost while requests wait for its answer. */
import { expect } from 'vitest'
import type { Pool } from './shop.ts'

/** Requests of each kind, enough for each host to get some of both. */
const EACH = 12

/** The statuses of the requests, `000` without an answer. */
interface Answered {
  readonly gets: readonly string[]
  readonly posts: readonly string[]
}

/**
 * Sends requests while the application on one host accepts connections and answers nothing, and then does something to that host.
 *
 * @param lose runs once each request has been answered by another host, or waits for this one
 */
async function askWhile(pool: Pool, i: number, lose: (slot: string) => Promise<unknown>): Promise<Answered> {
  const host = pool.host(i)
  const [slot = ''] = await pool.serving()
  const port = slot === 'blue' ? 4000 : 4001
  await pool.run(host, `systemctl kill --signal=STOP shop@${slot}.service`)
  await pool.run(pool.balancer, 'rm -f /tmp/answered')
  // Long enough for a router that has to find out that a host is gone.
  const curl = `curl -s -o /dev/null -w '%{method} %{http_code}\\n' -m 30 -H 'Host: shop.example' http://127.0.0.1/health`
  const asking = pool.run(
    pool.balancer,
    `for i in $(seq ${EACH}); do ${curl} >> /tmp/answered & done; for i in $(seq ${EACH}); do ${curl} -d x=1 >> /tmp/answered & done; wait; cat /tmp/answered`,
  )
  const waiting = async () => {
    const answered = await pool.run(pool.balancer, 'cat /tmp/answered 2> /dev/null | wc -l')
    const here = await pool.run(host, `ss -Htn state established "sport = :${port}" | wc -l`)
    return { here: Number(here), all: Number(answered) + Number(here) }
  }
  await expect.poll(waiting).toMatchObject({ all: 2 * EACH })
  expect((await waiting()).here).toBeGreaterThan(0)
  await lose(slot)
  const lines = (await asking).split('\n')
  const of = (method: string) => lines.flatMap(line => (line.startsWith(`${method} `) ? line.slice(-3) : []))
  return { gets: of('GET'), posts: of('POST') }
}

/** The application on the host is killed before it has answered, and starts again. */
export const dieWhileAsked = (pool: Pool, i: number): Promise<Answered> =>
  askWhile(pool, i, async slot => {
    await pool.run(pool.host(i), `systemctl kill --signal=KILL shop@${slot}.service`)
    await pool.run(pool.host(i), `systemctl start shop@${slot}.service`)
  })

/** The host is gone from the network before it has answered. */
export const vanishWhileAsked = (pool: Pool, i: number, leave: () => Promise<unknown>): Promise<Answered> =>
  askWhile(pool, i, leave)
