/** Faults of the application that is deployed: it dies, lies, hangs, stays, or a stranger has its port. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../dev/site.ts'
import { deployNext, dotenv, faultSite, NEXT_VERSION, succeeds, underFault } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite({
    tasks: `
export const { startIdle: started, checkIdle: checked } = tasks
export const ship = flow('Ship', [tasks.startIdle, tasks.checkIdle, tasks.migrate, tasks.deploy])`,
  })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})
afterEach(() => dotenv(site))

/** Whatever the row is about, a slot that did not get ready is down again afterwards. */
const idleIsDown = async () => {
  const { stdout } = await site.host.exec('systemctl is-active life@green.service; ss -Hltn "sport = :5000"')
  expect(stdout).toBe('inactive\n')
}
const withoutFault = async () => {
  await idleIsDown()
  await dotenv(site)
}

describe('a release that is not fit', () => {
  it('F22 application ends at once: the end of its log is shown, the idle slot is stopped', async () => {
    await dotenv(site, 'LIFE_FAULT=exit_at_boot\n')
    const { output } = await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /The application in green (?:is not running|ended while its health was asked for)/,
      next: /The end of its log is above; mend that, then deploy again/,
      heal: withoutFault,
    })
    expect(output).toMatch(/^ {4}.*RuntimeError/m)
  })

  it('F23 application dies after 5 s: caught by the soak, not promoted', async () => {
    await dotenv(site, 'LIFE_FAULT=exit_after_ms:5000\n')
    const { output } = await underFault(site, () => deployNext(site, { LIFE_SOAK: '8000' }, '--promote'), {
      exit: 3,
      cause: /The application in green ended while its health was asked for \(\d+ tries/,
      next: /The end of its log is above/,
      heal: withoutFault,
    })
    // The value in the log is one of the environment file, so it is hidden.
    expect(output).toMatch(/^ {4}.*LIFE_FAULT=/m)
  })

  it('F23 the control: without the soak such a release passes for healthy', async () => {
    await dotenv(site, 'LIFE_FAULT=exit_after_ms:5000\n')
    await underFault(site, () => deployNext(site), { exit: 0, heal: () => dotenv(site) })
  })

  it('F24 health flaps: not ready, and the counts are shown', async () => {
    await dotenv(site, 'LIFE_FAULT=health_flaps\n')
    const { output } = await underFault(site, () => deployNext(site, { LIFE_WITHIN: '10000' }, '--promote'), {
      exit: 3,
      cause: /\/health of green was not healthy in time: \d+ tries, \d+ failed, last status [25]00/,
      next: /deploy again/,
      heal: withoutFault,
    })
    const [, tries, failed] = /(\d+) tries, (\d+) failed, last status/.exec(output) ?? []
    expect(Number(failed)).toBeGreaterThan(2)
    expect(Number(tries)).toBeGreaterThan(Number(failed))
  })

  it('F25 health hangs: there is a limit for a try and one for all', async () => {
    await dotenv(site, 'LIFE_FAULT=health_hangs\n')
    const { output } = await underFault(site, () => deployNext(site, { LIFE_WITHIN: '5000' }, '--promote'), {
      exit: 3,
      cause: /\/health of green was not healthy in time: \d+ tries, \d+ failed, last status none/,
      next: /deploy again/,
      // Of the whole deploy: the two limits that are meant are those of the health check.
      within: 90_000,
      heal: withoutFault,
    })
    // More than one in 5 s, although the first never ended by itself.
    expect(Number(/(\d+) tries/.exec(output)?.[1])).toBeGreaterThan(2)
  })
})

describe('what else is on the host', () => {
  it('F27 the port is held by a stranger: names the process, stops nothing', async () => {
    const listen =
      'use IO::Socket::INET; $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:5000", Listen => 5, ReuseAddr => 1) or die; sleep 600'
    const start = `systemctl stop life@green.service
systemd-run --quiet --unit=stranger --uid=vagrant perl -e '${listen}'
until [ -n "$(ss -Hltn 'sport = :5000')" ]; do sleep 0.05; done
systemctl show -p MainPID --value stranger.service`
    const started = await site.host.exec(start)
    const pid = started.stdout.trim()
    expect(pid, started.stderr).toMatch(/^[1-9]\d*$/)
    await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: new RegExp(`port 5000 of green is held by perl, process ${pid}\\b`),
      next: /give the slot a port of its own in the Taskfile/,
      heal: async () => {
        const { stdout } = await site.host.exec('systemctl show -p MainPID --value stranger.service')
        expect(stdout.trim()).toBe(pid)
        await site.host.exec('systemctl stop stranger.service')
      },
    })
  })

  it('F28 the old process ignores SIGTERM: killed after the stop limit, and said so', async () => {
    await dotenv(site, 'LIFE_FAULT=ignore_sigterm\n')
    expect(await deployNext(site)).toMatchObject({ code: 0 })
    await dotenv(site)
    const { stdout } = await underFault(site, () => deployNext(site), { exit: 0 })
    expect(stdout).toContain('green did not end by itself and was killed')
  })

  it('F29 migration fails: not promoted, and it is said which one', async () => {
    await dotenv(site, 'LIFE_FAULT=migration_fails\n')
    const { output } = await underFault(
      site,
      async () => site.taskWith({ LIFE_VERSION: NEXT_VERSION }, 'ship', '--promote'),
      {
        exit: 1,
        cause: /The migrations of 0\.1\.1-\w+, run for green, ended with exit code 1/,
        next: /Read below which one failed and why\. Nothing was promoted/,
        heal: () => dotenv(site),
      },
    )
    expect(output).toMatch(/in 20260101000000/)
  })

  it('F29 the control: the same flow promotes when the migration succeeds', async () => {
    const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION: NEXT_VERSION }, 'ship', '--promote')
    expect(stdout + stderr).toSatisfy(() => code === 0)
    expect(await site.live()).toBe('green')
    await succeeds(site, 'rollback')
  })
})
