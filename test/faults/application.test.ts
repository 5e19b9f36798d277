/** Faults of the application: it crashes, flaps, hangs, does not stop, or its port is taken. */
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

/** A slot that did not become healthy is down again after every row. */
const idleIsDown = async () => {
  const { stdout } = await site.host.exec('systemctl is-active life@green.service; ss -Hltn "sport = :5000"')
  expect(stdout).toBe('inactive\n')
}
const withoutFault = async () => {
  await idleIsDown()
  await dotenv(site)
}

describe('an unhealthy release', () => {
  it('F22 that ends at once fails the deploy, which shows the end of its log and stops the idle slot', async () => {
    await dotenv(site, 'LIFE_FAULT=exit_at_boot\n')
    const { output } = await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /The application in green (?:is not running|exited during its health check)/,
      next: /The end of its log is above\. Fix the problem, then deploy again/,
      heal: withoutFault,
    })
    expect(output).toMatch(/^ {4}.*RuntimeError/m)
  })

  it('F23 that dies after 5 s is caught by the soak and not promoted', async () => {
    await dotenv(site, 'LIFE_FAULT=exit_after_ms:5000\n')
    const { output } = await underFault(site, () => deployNext(site, { LIFE_SOAK: '8000' }, '--promote'), {
      exit: 3,
      cause: /The application in green exited during its health check \(\d+ tries/,
      next: /The end of its log is above/,
      heal: withoutFault,
    })
    // The value in the log is one of the environment file, so it is hidden.
    expect(output).toMatch(/^ {4}.*LIFE_FAULT=/m)
  })

  it('F23 that dies after 5 s passes without the soak (control)', async () => {
    await dotenv(site, 'LIFE_FAULT=exit_after_ms:5000\n')
    await underFault(site, () => deployNext(site), { exit: 0, heal: () => dotenv(site) })
  })

  it('F24 whose health flaps fails the deploy, which shows the counts', async () => {
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

  it('F25 whose health request hangs fails the deploy after a limit for each try and one for all', async () => {
    await dotenv(site, 'LIFE_FAULT=health_hangs\n')
    const { output } = await underFault(site, () => deployNext(site, { LIFE_WITHIN: '5000' }, '--promote'), {
      exit: 3,
      cause: /\/health of green was not healthy in time: \d+ tries, \d+ failed, last status none/,
      next: /deploy again/,
      // For the whole deploy; the two limits under test are those of the health check.
      within: 90_000,
      heal: withoutFault,
    })
    // More than one try in 5 s, although the first never ends by itself.
    expect(Number(/(\d+) tries/.exec(output)?.[1])).toBeGreaterThan(2)
  })
})

describe('a deploy', () => {
  it('F27 whose port is taken by another process names that process, and stops nothing', async () => {
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

  it('F28 over a process that ignores SIGTERM kills it after the stop limit, and reports it', async () => {
    await dotenv(site, 'LIFE_FAULT=ignore_sigterm\n')
    expect(await deployNext(site)).toMatchObject({ code: 0 })
    await dotenv(site)
    const { stdout } = await underFault(site, () => deployNext(site), { exit: 0 })
    expect(stdout).toContain('green did not end by itself and was killed')
  })

  it('F29 whose migration fails promotes nothing, and names the migration', async () => {
    await dotenv(site, 'LIFE_FAULT=migration_fails\n')
    const { output } = await underFault(
      site,
      async () => site.taskWith({ LIFE_VERSION: NEXT_VERSION }, 'ship', '--promote'),
      {
        exit: 1,
        cause: /The migrations of 0\.1\.1-\w+, run for green, failed with exit code 1/,
        next: /Fix the migration that the output above names\. Nothing was promoted/,
        heal: () => dotenv(site),
      },
    )
    expect(output).toMatch(/in 20260101000000/)
  })

  it('F29 whose migration succeeds promotes in the same flow (control)', async () => {
    const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION: NEXT_VERSION }, 'ship', '--promote')
    expect(stdout + stderr).toSatisfy(() => code === 0)
    expect(await site.live()).toBe('green')
    await succeeds(site, 'rollback')
  })
})
