/** What is left when a fleet's switch is cut off: the client killed at any moment, or a host lost at each step. One command mends it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Shop, startShop, sumOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3'] as const
const MOMENTS = Number(process.env.MOMENTS ?? 40)

let shop: Shop
beforeAll(async () => {
  shop = await startShop(NAMES)
  for (const args of [['setup'], ['deploy', '--promote']]) await shop.done(...args)
  await shop.version('1.1.0')
  await shop.done('deploy')
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

const all = (slot: string) => NAMES.map(() => slot)
const otherOf = (slot: string | undefined) => (slot === 'blue' ? 'green' : 'blue')

it(`a client that is killed at ${MOMENTS} moments of a promote loses no request, and the next command brings all hosts together`, async () => {
  const running = await shop.load()
  const began = performance.now()
  await shop.done('promote', 'green')
  const whole = performance.now() - began
  let split = 0
  for (let i = 0; i < MOMENTS; i++) {
    const to = otherOf((await shop.serving())[0])
    const promote = shop.start(['promote', to])
    // Most of them in the second half, which has the switch.
    await new Promise(resolve => setTimeout(resolve, whole * (0.25 + (0.75 * i) / MOMENTS)))
    promote.kill('SIGKILL')
    await promote.ended
    const { code } = await shop.start(['status']).ended
    if (code !== 0) split += 1
    await shop.done('repair', '--force', to, '--lock-wait', '30s')
    expect(await shop.serving(), `moment ${i}`).toEqual(all(to))
    await shop.done('status')
  }
  const { failed, sent } = await sumOf(running)
  process.stdout.write(
    `killed ${MOMENTS} times, ${split} of them left hosts that did not agree; ${failed} of ${sent} requests failed\n`,
  )
  expect(failed).toBe(0)
  // The moments have met the switch, or the test would show nothing.
  expect(split).toBeGreaterThan(0)
}, 1_800_000)

it.each(['check', 'promote', 'verify'])(
  'a host whose connection is lost after `%s` is named, the others keep or get back their slot, and one command mends it',
  async step => {
    const [from = ''] = await shop.serving()
    const to = otherOf(from)
    const running = await shop.load()
    await shop.run(shop.host(1), 'runuser -u vagrant -- touch /tmp/drop')
    const output = await shop.ends(1, ['promote', to], { DROP: step })
    expect(output).toMatch(/error on web-2: .*\[CONNECTION_LOST\]/)
    const [first, , third] = await shop.serving()
    expect([first, third]).toEqual([from, from])
    await shop.done('repair', '--force', from, '--lock-wait', '30s')
    expect(await shop.serving()).toEqual(all(from))
    await shop.done('status')
    expect((await sumOf(running)).failed).toBe(0)
  },
)
