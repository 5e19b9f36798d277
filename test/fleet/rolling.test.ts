/** Four hosts that switch in batches: a batch after the other, all back if one fails, and whole again after a client that was killed between two of them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deployTwo, otherOf, type Shop, startShop, sumOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3', 'web-4'] as const

let shop: Shop
beforeAll(async () => {
  shop = await startShop(NAMES, { STRATEGY: 'rolling' })
  await deployTwo(shop)
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

const all = <T>(value: T) => NAMES.map(() => value)
const live = async () => (await shop.serving())[0] ?? ''
const recordOf = (slot: string) => `/srv/shop/slots/${slot}/slot.json`
/** When each host recorded its last switch to a slot, in milliseconds of this machine's clock. */
const promoted = (slot: string) =>
  Promise.all(
    NAMES.map(async (_, i) => {
      const record = JSON.parse(await shop.run(shop.host(i), `cat ${recordOf(slot)}`)) as { promoted: { at: string } }
      return Date.parse(record.promoted.at)
    }),
  )

it.each([
  ['one host after the other', [], [[0], [1], [2], [3]]],
  [
    'two hosts after the other two with --limit 2',
    ['--limit', '2'],
    [
      [0, 1],
      [2, 3],
    ],
  ],
])('a rolling switch moves %s, and loses no request', async (_, flags, batches) => {
  const to = otherOf(await live())
  const running = await shop.load()
  const output = await shop.done('promote', to, '--verbose', ...flags)
  expect((await sumOf(running)).failed).toBe(0)
  for (const [i, batch] of batches.entries())
    expect(output).toContain(`Batch ${i + 1} of ${batches.length}: ${batch.map(host => NAMES[host]).join(', ')}`)
  const at = await promoted(to)
  const ends = batches.map(batch => batch.map(host => at[host] ?? 0))
  for (const [i, batch] of ends.slice(1).entries())
    expect(Math.min(...batch)).toBeGreaterThan(Math.max(...(ends[i] ?? [])))
  expect(await shop.done('status')).toContain(`All 4 hosts serve ${to}`)
})

it('a switch that the second batch cannot prove is taken back on the first one too, which loses no request', async () => {
  const from = await live()
  const to = otherOf(from)
  // The router of one host answers for the new slot with an error.
  const port = to === 'blue' ? 4000 : 4001
  await shop.run(
    shop.host(2),
    `cp -a /etc/nginx/switchyard /root/kept; sed -i 's/127.0.0.1:${port}/127.0.0.1:9/; s/${port};/9;/' /etc/nginx/switchyard/*; nginx -s reload`,
  )
  const running = await shop.load()
  const output = await shop.ends(1, ['promote', to, '--limit', '2'])
  const [first, second, broken, fourth] = await Promise.all(running.map(load => sumOf([load])))
  await shop.run(shop.host(2), 'cp -a /root/kept/. /etc/nginx/switchyard/; nginx -s reload')
  expect(output).toMatch(/error on web-3: /)
  expect(output).toContain('undone: Move the traffic and prove it')
  expect([first, second, fourth]).toMatchObject(Array(3).fill({ failed: 0 }))
  // The load would have seen a loss.
  expect(broken?.failed).toBeGreaterThan(0)
  expect(await shop.serving()).toEqual(all(from))
  expect(await shop.done('status')).toContain(`All 4 hosts serve ${from}`)
  // The first batch had recorded its switch, and the second one, with the broken host, never did.
  const of = async (i: number) =>
    (await shop.run(shop.host(i), `grep -h '"event":"promote"' /srv/shop/journal* | tail -n 2`))
      .split('\n')
      .map(line => (JSON.parse(line) as { slot: string; result: string }).result)
  expect(await of(0)).toEqual(['done', 'undone'])
  expect(await of(3)).toEqual(['failed', 'undone'])
})

it.each(['check', 'verify'])(
  'a host of the second batch that is lost after `%s` takes the first one back, and one command mends it',
  async step => {
    const from = await live()
    const to = otherOf(from)
    const running = await shop.load()
    await shop.run(shop.host(2), 'runuser -u vagrant -- touch /tmp/drop')
    const output = await shop.ends(1, ['promote', to, '--limit', '2'], { DROP: step })
    expect(output).toMatch(/error on web-3: .*\[CONNECTION_LOST\]/)
    const [first, second, , fourth] = await shop.serving()
    expect([first, second, fourth]).toEqual([from, from, from])
    await shop.done('repair', '--force', from, '--lock-wait', '30s')
    expect(await shop.done('status')).toContain(`All 4 hosts serve ${from}`)
    expect((await sumOf(running)).failed).toBe(0)
  },
)

it.each(['completes', 'takes back'])(
  'after a client that was killed between two batches, `repair` %s the switch',
  async what => {
    const from = await live()
    const to = otherOf(from)
    const running = await shop.load()
    const record = `stat -c %i ${recordOf(to)}`
    const before = await shop.run(shop.host(1), record)
    const promote = shop.start(['promote', to])
    await shop.run(
      shop.host(1),
      `end=$((SECONDS + 60)); until [ "$(${record})" != ${before} ] || [ $SECONDS -gt $end ]; do sleep 0.01; done`,
    )
    promote.kill('SIGKILL')
    await promote.ended
    const [first, second, , fourth] = await shop.serving()
    expect([first, second, fourth]).toEqual([to, to, from])
    expect(await shop.ends(3, ['status'])).toContain('[FLEET_SPLIT]')
    expect(await shop.ends(3, ['deploy', '--release', '1.1.0', '--lock-wait', '30s'])).toContain('[FLEET_SPLIT]')
    const slot = what === 'completes' ? to : from
    await shop.done('repair', '--force', slot, '--lock-wait', '30s')
    expect(await shop.serving()).toEqual(all(slot))
    expect(await shop.done('status')).toContain(`All 4 hosts serve ${slot}`)
    expect((await sumOf(running)).failed).toBe(0)
  },
)
