/** `retire` stops the slot that is not live after its drain, and reports every connection. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { succeeds } from '../support/invariant.ts'

let site: Site

const ok = async (...args: string[]) => (await succeeds(site, ...args)).stdout
/** Opens connections to a port on the host that stay for ten minutes, each with a request for `path` if given. Resolves to the pids that hold them. */
const connect = async (port: number, count: number, path = '') => {
  const request = path === '' ? '' : `printf 'GET ${path} HTTP/1.1\\r\\nHost: life\\r\\n\\r\\n' >&3;`
  const client = `(exec 3<>/dev/tcp/127.0.0.1/${port}; ${request} exec sleep 600) > /dev/null 2>&1 & echo $!`
  const { stdout } = await site.host.exec(`for i in $(seq ${count}); do ${client}; done`)
  const open = async () => (await site.host.exec(`ss -Htn state established 'sport = :${port}' | wc -l`)).stdout.trim()
  await expect.poll(open).toBe(String(count))
  return stdout.trim().split('\n')
}
const journal = async () =>
  (await site.host.exec('cat /srv/life/journal.jsonl')).stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

beforeAll(async () => {
  site = await startSite({ tasks: 'export const { retire } = tasks' })
  await ok('setup')
  for (let i = 0; i < 2; i += 1) await ok('deploy', '--promote')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('retire prints the number of connections at each change, and reports those that it cut after the drain', async () => {
  // A response that takes longer than the drain keeps the connections open into the stop.
  const [first, second] = await connect(4000, 5, '/slow?ms=20000')
  const retiring = site.start({}, 'retire', '--drain', '8s', '--verbose')
  await retiring.says(/blue, drain: 5 connections left after \d\.\d s/)
  await site.host.exec(`kill ${first} ${second}`)
  const { code, stdout } = await retiring.ended
  expect(code, stdout).toBe(0)
  expect(stdout).toMatch(/blue, drain: 3 connections left after \d\.\d s/)
  expect(stdout).toContain('blue still has 3 of 5 connections after 8000 ms')
  expect(stdout).toMatch(/blue, stop: 3 connections left/)
  expect(stdout).toMatch(/blue, stop: no connection left/)
  expect(stdout).toContain('blue ended, 3 connections were cut: the application closed them as it ended')
  expect(await site.live()).toBe('green')
  expect((await site.host.exec('systemctl is-active life@blue.service')).stdout.trim()).toBe('inactive')
  expect((await journal()).at(-1)).toMatchObject({
    event: 'retire',
    slot: 'blue',
    result: 'done',
    why: expect.stringContaining('3 connections'),
  })
})

it('a promote or rollback to a retired slot reports that it was retired, and not that it is broken', async () => {
  for (const args of [['rollback'], ['promote', 'blue']]) {
    const { code, stdout, stderr } = await site.task(...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 3)
    expect(stderr).toMatch(/error: blue is not running: \S+ retired it at \S+Z\. \[SLOT_STOPPED\]/)
    expect(stderr).toMatch(
      /next: Nothing is broken there\. Deploy 0\.1\.0-\w+ again with `npx task deploy`, then promote it\./,
    )
    expect(stdout + stderr).not.toContain('mend')
  }
  expect(await site.live()).toBe('green')
})

it('retire does nothing to a slot that is down', async () => {
  const events = (await journal()).length
  expect(await ok('retire')).toContain('blue was down')
  expect(await journal()).toHaveLength(events)
})

it('a deploy retires a slot that still runs in the same way', async () => {
  await ok('deploy')
  await connect(4000, 1)
  expect(await ok('deploy', '--drain', '1s')).toContain('blue ended, 1 connection was cut')
})

it('a dry run of retire and deploy reports the state of the slot, and stops nothing', async () => {
  const pid = async () => (await site.host.exec('systemctl show -p MainPID --value life@blue.service')).stdout
  await connect(4000, 2)
  const before = await pid()
  for (const args of [['retire'], ['deploy']])
    expect(await ok(...args, '--dry-run')).toContain(
      'blue is running, with 2 connections: it would be drained and stopped',
    )
  expect(await pid()).toBe(before)
  await ok('retire', '--drain', '0s')
  for (const args of [['retire'], ['deploy', '--promote']]) {
    const output = await ok(...args, '--dry-run')
    expect(output).toContain('blue is down: there is nothing to stop')
    expect(output).toContain('ok: Take the lock  not taken in a dry run')
    expect(output).not.toMatch(/was down|blue ended/)
  }
})

it('a rollback after a deploy is refused with what was live in the slot and what is there now', async () => {
  const nowhere = async (environment: Record<string, string>, message: RegExp) => {
    const { code, stdout, stderr } = await site.taskWith(environment, 'rollback')
    expect(stdout + stderr).toSatisfy(() => code === 3)
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/next: `npx task promote blue` sends the traffic to 0\.1\.[01]-\w+/)
  }
  await ok('deploy')
  await nowhere({}, /deployed 0\.1\.0-\w+ to blue at \S+Z again, and it has not been live since\. \[ROLLBACK_NOWHERE\]/)
  const { code } = await site.taskWith({ LIFE_VERSION: '0.1.1' }, 'deploy')
  expect(code).toBe(0)
  await nowhere(
    {},
    /deployed 0\.1\.1-\w+ to blue at \S+Z, replacing 0\.1\.0-\w+, which was live there\. \[ROLLBACK_NOWHERE\]/,
  )
})
