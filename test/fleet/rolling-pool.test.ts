/** A rolling switch behind a balancer: a growing share of the traffic, then all of it, or none if it is interrupted; and after a kill one command ends it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

/** Kills a switch that has sent a share of the traffic to `to`. */
async function killed(to: string): Promise<void> {
  const promote = pool.start(['promote', to, '--watch', '5m'])
  await shared()
  promote.kill('SIGKILL')
  await promote.ended
  const status = await pool.done('status')
  expect(status).toMatch(new RegExp(`${to} +33 %`))
  expect(status).toContain('If that run was cut off, `npx task repair` ends it.')
}

describe.each(['promote', 'repair --force'])('after a kill one `%s SLOT`', command => {
  it.each(['completes the switch', 'takes the share back'])('%s', async what => {
    const from = await live()
    const to = otherOf(from)
    const running = await pool.load()
    await killed(to)
    const slot = what === 'completes the switch' ? to : from
    const output = await pool.done(...command.split(' '), slot, '--lock-wait', '30s')
    expect((await sumOf(running)).failed).toBe(0)
    if (command.startsWith('repair'))
      expect(output).toMatch(new RegExp(`A rolling switch by .* was cut off: ${to} gets 33 % of the traffic`))
    const status = await pool.done('status')
    expect(status).toContain(`All 3 hosts serve ${slot}`)
    expect(status).not.toMatch(/ \d+ %/)
  })
})

it('a repair without the name of a slot says what it finds and what to do, and changes nothing', async () => {
  const from = await live()
  const to = otherOf(from)
  await killed(to)
  const output = await pool.ends(3, ['repair', '--lock-wait', '30s'])
  expect(output).toMatch(new RegExp(`was cut off: ${to} gets 33 % of the traffic since .*, and ${from} the rest`))
  expect(output).toContain('[SHARE_LEFT]')
  for (const [slot, does] of [
    [to, 'completes the switch'],
    [from, 'takes the share back'],
  ])
    expect(output.replace(/\s+/g, ' ')).toContain(`\`npx task repair --force ${slot}\` ${does}`)
  expect(await pool.done('repair', '--dry-run')).toContain(`${to} would get no traffic any more`)
  expect(await pool.done('status')).toMatch(new RegExp(`${to} +33 %`))
  expect(await pool.ends(3, ['deploy'])).toContain('since a rolling switch was cut off')
  await pool.done('repair', '--force', from)
  expect(await pool.done('repair')).toContain('all hosts serve the same')
})

it('a repair leaves a canary that somebody wants, and says so', async () => {
  const from = await live()
  await pool.done('promote', otherOf(from), '--percent', '10')
  expect(await pool.done('repair')).toMatch(/Canary: \w+ gets 10 % of the traffic/)
  expect(await pool.done('status')).toMatch(/ 10 %/)
  await pool.done('repair', '--force', from)
  expect(await pool.done('status')).not.toMatch(/ \d+ %/)
})
