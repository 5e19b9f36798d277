/** `setup --adopt` on a host where the application already runs, started by hand. */
import { expect, it } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import { startSite } from '../../dev/site.ts'

it('setup --adopt makes the process on the blue port the live slot without a restart, and a later deploy stops it', async () => {
  await using site = await startSite()
  await site.host.copyIn(await lifeTarball('0.1.0'), '/tmp/life.tar.gz')
  const byHand = `mkdir -p /home/vagrant/life && tar -xzf /tmp/life.tar.gz -C /home/vagrant/life &&
    chown -R vagrant: /home/vagrant/life && cd /home/vagrant/life &&
    runuser -u vagrant -- env PORT=4000 LANG=C.UTF-8 RELEASE_NODE=old bin/life daemon`
  expect(await site.host.exec(byHand)).toMatchObject({ code: 0 })
  const pid = async () =>
    (await site.host.exec("runuser -u vagrant -- ss -Hltnp 'sport = :4000' | grep -o 'pid=[0-9]*'")).stdout.trim()
  await expect.poll(pid).toMatch(/pid=\d+/)
  const before = await pid()

  const nothing = await site.task('status')
  expect(nothing.code).not.toBe(0)
  const adopted = await site.task('setup', '--adopt')
  expect(adopted, adopted.stdout + adopted.stderr).toMatchObject({ code: 0 })
  expect(await pid()).toBe(before)
  expect(await site.live()).toBe('blue')

  const blue = async () => {
    const { stdout } = await site.task('status', '--json')
    const events = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    return events.find(event => event.data?.slots)?.data.slots[0]
  }
  const seen = await blue()
  expect(`pid=${seen.pid}`).toBe(before)
  expect(seen).toMatchObject({ live: true, state: 'running', health: 'healthy', release: '0.1.0-adopted' })
  expect(seen.uptime).toBeGreaterThanOrEqual(0)
  // As after a reboot, when another process may have got the pid.
  const record = '/srv/life/slots/blue/slot.json'
  await site.host.exec(`sed -i.kept 's/"startTime": "/&1/' ${record}`)
  expect(await blue()).toMatchObject({ state: 'stopped', pid: null, uptime: null })
  await site.host.exec(`mv ${record}.kept ${record}`)

  const again = await site.task('setup', '--adopt')
  expect(again.stdout).toContain('0 folders and 0 files changed')

  for (const args of [['deploy'], ['promote', 'green']]) {
    const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION: '0.1.1' }, ...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  }
  expect(await pid()).toBe(before)
  const back = await site.task('rollback')
  expect(back, back.stdout + back.stderr).toMatchObject({ code: 0 })
  expect(await site.live()).toBe('blue')
  expect(await site.task('promote', 'green')).toMatchObject({ code: 0 })
  expect(await site.live()).toBe('green')

  const last = await site.taskWith({ LIFE_VERSION: '0.1.1' }, 'deploy')
  expect(last, last.stdout + last.stderr).toMatchObject({ code: 0 })
  const now = await pid()
  expect(now).toMatch(/pid=\d+/)
  expect(now).not.toBe(before)
})
