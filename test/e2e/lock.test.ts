/** The lock of a host: other runs wait or are refused with the holder's name, and a write without the lock is refused. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'

let site: Site

const run = async (code: number, ...args: string[]) => {
  const ended = await site.task(...args)
  expect(ended, `task ${args.join(' ')}:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code })
  return ended.stdout + ended.stderr
}

beforeAll(async () => {
  site = await startSite({
    more: 'health: { soak: Number(env.LIFE_SOAK ?? 0) },',
    tasks: 'export const { lock, unlock, history, retire } = tasks',
  })
  await run(0, 'setup')
  await run(0, 'deploy', '--promote')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('a host that is closed for deploys refuses deploys with the reason, until it is unlocked', async () => {
  await run(0, 'lock', '--reason', 'new disks')
  expect(await run(3, 'deploy')).toMatch(/closed .* for deploys at .*: new disks/)
  expect(await run(0, 'status')).toContain('new disks')
  expect(await run(0, 'unlock')).toContain('new disks')
  expect(await run(0, 'unlock')).toContain('it was open')
  await run(0, 'deploy')
})

/** Somebody else has the lock until this is disposed. */
async function heldByAnn(): Promise<AsyncDisposable> {
  const owner = { by: 'ann@desk', deploy: 'hers', doing: 'deploy', since: '2026-01-02T03:04:05.000Z' }
  const hold = await site.host.exec(`printf '%s\\n' '${JSON.stringify(owner)}' > /srv/life/lock
    systemd-run --quiet --unit=ann flock /srv/life/lock sleep 600
    while flock -n /srv/life/lock true; do sleep 0.1; done`)
  expect(hold).toMatchObject({ stderr: '' })
  return { [Symbol.asyncDispose]: async () => void (await site.host.exec('systemctl stop ann')) }
}
const WAITING = 'Waiting for ann@desk, who has held the lock since 2026-01-02T03:04:05.000Z: deploy (hers).'

it('a run with --lock-wait waits for the lock, names its holder, and continues when it is free', async () => {
  const ann = await heldByAnn()
  const waiting = site.start({}, 'retire', '--lock-wait', '1m', '--verbose')
  try {
    await waiting.says(/Waiting for/)
  } finally {
    await ann[Symbol.asyncDispose]()
  }
  const { code, stdout, stderr } = await waiting.ended
  expect(stdout + stderr).toSatisfy(() => code === 0)
  expect(stdout.split(WAITING)).toHaveLength(2)
  expect(stdout).toMatch(/green ended/)
})

it('a run whose --lock-wait expires is refused, and names the holder', async () => {
  await using _ = await heldByAnn()
  const began = performance.now()
  const output = await run(3, 'retire', '--lock-wait', '2s')
  expect(performance.now() - began).toBeGreaterThan(2_000)
  expect(output).toContain(WAITING)
  expect(output).toMatch(
    /ann@desk has held the lock on life-test since 2026-01-02T03:04:05.000Z: deploy \(hers\)\. \[LOCK_TAKEN\]/,
  )
})

it('a setup needs the lock too, and changes nothing while it is taken or the host is closed for deploys', async () => {
  const unit = '/etc/systemd/system/life@.service'
  const changed = async () => (await site.host.exec(`grep -c 'by hand' ${unit}`)).stdout
  await site.host.exec(`echo '# by hand' >> ${unit}`)
  {
    await using _ = await heldByAnn()
    expect(await run(3, 'setup')).toMatch(/ann@desk has held the lock .*\[LOCK_TAKEN\]/)
    expect(await run(0, 'setup', '--dry-run')).toContain('-# by hand')
    expect(await run(3, 'setup', '--lock-wait', '1s')).toContain(WAITING)
  }
  await run(0, 'lock', '--reason', 'new disks')
  expect(await run(3, 'setup')).toMatch(/for deploys .*: new disks/)
  await run(0, 'unlock')
  expect(await changed()).toBe('1\n')
  await run(0, 'setup')
  expect(await changed()).toBe('0\n')
})

it.each([
  ['while its slot became healthy', 10_000],
  ['before its slot was healthy', 60_000],
])('a run that was frozen until another took the lock, %s, is refused, and changes nothing', async (_, soak) => {
  if ((await site.live()) === 'green') await run(0, 'rollback')
  await run(0, 'deploy')
  const frozen = site.start({ LIFE_SOAK: String(soak) }, 'deploy', '--verbose')
  await frozen.says(/> Wait until the idle slot is healthy/)
  process.kill(frozen.pid, 'SIGSTOP')
  const pid = async () => (await site.host.exec('systemctl show -p MainPID --value life@green.service')).stdout.trim()
  let live = ''
  try {
    const free = async () => (await site.host.exec('flock -n /srv/life/lock true')).code
    await expect.poll(free).toBe(0)
    await run(0, 'deploy')
    await run(0, 'promote', 'green')
    live = await pid()
  } finally {
    process.kill(frozen.pid, 'SIGCONT')
  }
  const { code, stdout, stderr } = await frozen.ended
  expect(code, stdout + stderr).not.toBe(0)
  expect(stdout + stderr).toMatch(/LOCK_LOST|OVERTAKEN|CONNECTION_LOST/)
  // Its undo would have stopped the slot that is live now.
  expect(live).toMatch(/^[1-9]\d*$/)
  expect([await site.live(), await pid()]).toEqual(['green', live])
})
