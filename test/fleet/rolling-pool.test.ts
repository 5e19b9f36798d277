/** A rolling switch behind a balancer: a growing share of the traffic, then all of it, or none if it is interrupted; and after a kill one command ends it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { otherOf, type Pool, startPool, sumOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3'] as const

let pool: Pool
beforeAll(async () => {
  pool = await startPool(NAMES, 'nginx', { STRATEGY: 'rolling' })
  for (const args of [['setup'], ['deploy', '--promote']]) await pool.done(...args)
})
afterAll(async () => {
  await pool?.[Symbol.asyncDispose]()
})

const live = async () => (await pool.serving())[0] ?? ''
/** Resolves when the balancer sends a share of the traffic to the slot that is not live. */
const shared = () =>
  pool.run(
    pool.balancer,
    'end=$((SECONDS + 60)); until [ -e /srv/shop/router/live/canary/on ]; do [ $SECONDS -lt $end ] || exit 1; sleep 0.01; done',
  )

it('sends a share for each host before all of it, and loses no request', async () => {
  const to = otherOf(await live())
  await pool.version('1.1.0')
  const running = await pool.load()
  const output = await pool.done('deploy', '--promote', '--verbose')
  expect((await sumOf(running)).failed).toBe(0)
  expect(output).toMatch(new RegExp(`${to} gets 33 %: [\\s\\S]*${to} gets 67 %: [\\s\\S]*${to} is live`))
  expect(await pool.versions()).toEqual(['1.1.0'])
  expect(await pool.answering()).toHaveLength(3)
  const status = await pool.done('status')
  expect(status).toContain(`All 3 hosts serve ${to}, 1.1.0`)
  expect(status).not.toMatch(/ \d+ %/)
})

it('takes the share back if it is interrupted, and loses no request', async () => {
  const from = await live()
  const running = await pool.load()
  const promote = pool.start(['promote', otherOf(from), '--watch', '5m'])
  await shared()
  promote.kill('SIGINT')
  expect((await promote.ended).code).toBe(130)
  expect((await sumOf(running)).failed).toBe(0)
  const status = await pool.done('status')
  expect(status).toContain(`All 3 hosts serve ${from}`)
  expect(status).not.toMatch(/ \d+ %/)
})

it.each(['completes the switch', 'takes the share back'])('after a kill one promote %s', async what => {
  const from = await live()
  const to = otherOf(from)
  const running = await pool.load()
  const promote = pool.start(['promote', to, '--watch', '5m'])
  await shared()
  promote.kill('SIGKILL')
  await promote.ended
  expect(await pool.done('status')).toMatch(new RegExp(`${to} +33 %`))
  const slot = what === 'completes the switch' ? to : from
  await pool.done('promote', slot, '--lock-wait', '30s')
  expect((await sumOf(running)).failed).toBe(0)
  const status = await pool.done('status')
  expect(status).toContain(`All 3 hosts serve ${slot}`)
  expect(status).not.toMatch(/ \d+ %/)
})
