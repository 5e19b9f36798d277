/** Only one works on a host: the others wait in line or are told who it is; and a late write is refused. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../support/site.ts'

let site: Site

const run = async (code: number, ...words: string[]) => {
  const ended = await site.task(...words)
  expect(ended, `task ${words.join(' ')}:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code })
  return ended.stdout + ended.stderr
}

beforeAll(async () => {
  site = await startSite({ tasks: 'export const { lock, unlock, history, retire } = tasks' })
  await run(0, 'setup')
  await run(0, 'deploy', '--promote')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('a host that is closed for maintenance tells everybody why, until it is opened', async () => {
  await run(0, 'lock', '--reason', 'new disks')
  expect(await run(3, 'deploy')).toMatch(/has closed .* for maintenance since .*: new disks/)
  await run(0, 'status')
  expect(await run(0, 'unlock')).toContain('new disks')
  expect(await run(0, 'unlock')).toContain('it was open')
  await run(0, 'deploy')
})

it('with --lock-wait a run waits in line, and says for whom', async () => {
  const held = site.start({}, 'promote', 'green', '--verbose')
  await held.says(/> Find out which slot is live/)
  const second = site.start({}, 'retire', '--lock-wait', '1m', '--verbose')
  const [first, waited] = await Promise.all([held.ended, second.ended])
  expect(first.code).toBe(0)
  expect(waited.code, waited.stdout + waited.stderr).toBe(0)
  expect(waited.stdout).toMatch(/blue ended/)
})

it('a run that was frozen until another had taken over is refused, and disturbs nothing', async () => {
  await run(0, 'deploy')
  const frozen = site.start({}, 'deploy', '--verbose')
  await frozen.says(/> Wait until the idle slot is healthy/)
  process.kill(frozen.pid, 'SIGSTOP')
  try {
    const free = async () => (await site.host.exec('flock -n /srv/life/lock true')).code
    await expect.poll(free, { timeout: 40_000 }).toBe(0)
    await run(0, 'deploy')
    const other = site.start({}, 'promote', 'blue', '--verbose')
    await other.ended
  } finally {
    process.kill(frozen.pid, 'SIGCONT')
  }
  const { code, stdout, stderr } = await frozen.ended
  expect(code, stdout + stderr).not.toBe(0)
  expect(stdout + stderr).toMatch(/LOCK_LOST|OVERTAKEN|CONNECTION_LOST/)
  expect(await site.live()).toBe('blue')
  const pid = await site.host.exec('systemctl show -p MainPID --value life@blue.service')
  expect(pid.stdout.trim()).not.toBe('0')
})
