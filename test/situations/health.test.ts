/** Health checks on real hosts: proxies and curl settings of the account, refusing applications, strangers on the port, late dependencies. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Ended, Site } from '../../dev/site.ts'
import { whose } from '../../slots/lifecycle/sockets.ts'
import { assertCleanAfter, deployNext, dotenv, faultSite, succeeds, underFault } from '../support/invariant.ts'
import { behave, standIn } from '../support/stand-in.ts'

const SHORT = { LIFE_WITHIN: '1500' }

let site: Site
let served: Record<string, string>
beforeAll(async () => {
  site = await faultSite({ tasks: 'export const { doctor } = tasks' })
  served = await standIn(site)
  const deployed = await deployStandIn()
  expect(deployed, deployed.stdout + deployed.stderr).toMatchObject({ code: 0 })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await site.host.exec(command)
  expect(code, stderr).toBe(0)
  return stdout.trim()
}
const deployStandIn = (environment: Record<string, string> = {}, ...args: string[]): Promise<Ended> =>
  deployNext(site, { ...served, ...environment }, ...args)
const runs = (environment: Record<string, string>, ...args: string[]) => site.taskWith(environment, ...args)
/** For rows that change nothing: they need no deploy after them. */
const noDeploy = true

describe('F61 the health check of an application', () => {
  it('F61 ignores the proxy of the environment and the .curlrc of the account', async () => {
    await root(`
printf 'http_proxy=http://127.0.0.1:9\\nall_proxy=http://127.0.0.1:9\\n' >> /etc/environment
printf 'proxy = "http://127.0.0.1:9"\\nfail\\nlocation\\n' > /home/vagrant/.curlrc
chown vagrant /home/vagrant/.curlrc`)
    try {
      expect(await root('su - vagrant -c "curl http://127.0.0.1/ 2>&1; env" || :')).toMatch(
        /127\.0\.0\.1.*9.*\n[\s\S]*http_proxy=/,
      )
      await underFault(site, () => deployStandIn(), { exit: 0, noDeploy })
      await underFault(site, () => site.task('status'), { exit: 0, noDeploy })
    } finally {
      await root("sed -i '/_proxy=/d' /etc/environment; rm /home/vagrant/.curlrc")
    }
  })

  it('F61 sends the name of the site, which a list of allowed hosts accepts', async () => {
    await behave(site, 'green', 'allowed_host')
    await underFault(site, () => site.task('check-idle'), { exit: 0, noDeploy })
    const other = { LIFE_HEALTH: '{"host":"www.life.example"}' }
    await underFault(site, () => runs(other, 'check-idle'), { exit: 0, noDeploy })
  })

  it.each<[string, string, string, RegExp, RegExp, string]>([
    [
      'forces https',
      'forces_https',
      '{}',
      /last status 301\./,
      /The application requires https.*`url: 'https:/,
      'it answered 301 to https://life.example/health: You are being redirected.',
    ],
    [
      'allows other hosts',
      'allowed_host',
      '{"host":"shop.example"}',
      /last status 403\./,
      /request was for the host shop\.example: if the application accepts only certain hosts, set `health: \{ host:/,
      'it answered 403: Error Blocked host: shop.example',
    ],
    [
      'wants a login',
      'basic_auth',
      '{}',
      /last status 401\./,
      /`health: \{ headers: \{ Authorization: \.\.\. \} \}`/,
      'it answered 401: HTTP Basic: Access denied.',
    ],
    [
      'fails',
      'server_error',
      '{}',
      /last status 500\./,
      /^-?.*The end of its log is above/,
      'it answered 500: relation users does not exist',
    ],
    [
      'listens nowhere',
      'listens_nowhere',
      '{}',
      /last status none \(connection refused\)/,
      /Nothing listens on port 5000/,
      '',
    ],
  ])(
    'F61 of one that %s fails with its response, its log and the option to set',
    async (_, mode, health, cause, next, answer) => {
      await behave(site, 'green', mode)
      const work = () => runs({ ...SHORT, LIFE_HEALTH: health }, 'check-idle')
      const { output } = await underFault(site, work, { exit: 3, cause, next, noDeploy })
      expect(output).toContain(answer)
      if (mode === 'server_error') expect(output).toContain('ERROR: migrate the tables first')
    },
  )

  it('F61 of one with forced https and basic auth passes with the headers of the Taskfile, which no process list shows', async () => {
    const headers = { 'X-Forwarded-Proto': 'https', Authorization: 'Basic bWU6b3BlbiBzZXNhbWU=' }
    await behave(site, 'green', 'forces_https basic_auth')
    const spy = "until pgrep -af 'bWU6b3Blbi[B]'; do sleep 0.01; done"
    await root(`systemd-run --quiet --unit=spy bash -c '${spy.replaceAll("'", `'\\''`)}'`)
    const work = () => runs({ LIFE_HEALTH: JSON.stringify({ headers }) }, 'check-idle')
    const { output } = await underFault(site, work, { exit: 0, noDeploy })
    expect(output).not.toContain('bWU6b3Blbi')
    expect(await root('systemctl is-active spy; systemctl stop spy')).toBe('active')
  })

  it('F61 through the router fails with the response and its redirect', async () => {
    await behave(site, 'green', 'forces_https')
    const environment = { LIFE_HEALTH: '{"headers":{"X-Forwarded-Proto":"https"}}' }
    const promoted = await runs(environment, 'promote', 'green')
    expect(promoted.code).toBe(1)
    expect(promoted.stderr + promoted.stdout).toMatch(
      /asked for \/health through the router, it answered 301 to https:\/\/life\.example\/health/,
    )
    expect(await site.live()).toBe('blue')
    await assertCleanAfter(site, promoted)
  })

  it('F61 of one with basic auth sends the same headers through the router', async () => {
    await behave(site, 'green', 'basic_auth')
    const environment = { LIFE_HEALTH: '{"headers":{"Authorization":"Basic bWU6b3BlbiBzZXNhbWU="}}' }
    for (const args of [['promote', 'green', '--force'], ['rollback']]) {
      const ended = await runs(environment, ...args)
      expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
      await assertCleanAfter(site, ended)
    }
    expect(await site.live()).toBe('blue')
  })
})

/** Starts a server on a slot's port that does not belong to the slot, and responds like its release. */
const stranger = (user: string, address: string, mode = 'plain', port = 5000) => `
cp "$(readlink -f /srv/life/slots/green/current)/bin/server.pl" /opt/server.pl && chmod 644 /opt/server.pl
systemd-run --quiet --unit=stranger --uid=${user} -E PORT=${port} -E ADDRESS='${address}' -E MODE=${mode} perl /opt/server.pl
until ss -Hltn 'sport = :${port}' | grep -qF '${address}:${port} '; do systemctl is-active --quiet stranger || exit 1; sleep 0.05; done`
const GONE = 'systemctl stop stranger; systemctl reset-failed stranger 2>/dev/null || :'
const NO_KILL = /^(?!.*\b[Ee]nd (?:that|the|it)\b).*give the slot a port of its own/

const greenListens = () =>
  expect.poll(async () => (await site.host.exec("ss -Hltn 'sport = :5000'")).stdout).not.toBe('')

describe("F62 a slot's port", () => {
  afterEach(async () => void (await site.host.exec(GONE)))

  it.each([
    ['another user', 'nobody', '127.0.0.1'],
    ['root', 'root', '127.0.0.1'],
    ['the same user', 'vagrant', '127.0.0.1'],
  ])('F62 is never promoted when it is served by %s instead of the release', async (_, user, address) => {
    await behave(site, 'green', 'listens_nowhere')
    await root(stranger(user, address))
    const cause = new RegExp(`port 5000 of green is held by .*of stranger\\.service, run by ${user} on 127`)
    await underFault(site, () => runs(SHORT, 'promote', 'green', '--force'), {
      exit: 3,
      cause,
      next: NO_KILL,
      noDeploy,
    })
    expect(await root('systemctl is-active stranger')).toBe('active')
  })

  it.each([
    ['another loopback address', 'nobody', '127.0.0.2', 'plain'],
    ['all IPv6 addresses', 'root', '[::]', 'plain'],
    ['the same address and port, shared', 'vagrant', '127.0.0.1', 'shared_port'],
  ])('F62 is not promoted while another process listens on %s', async (_, user, address, mode) => {
    await behave(site, 'green', mode)
    await greenListens()
    await root(stranger(user, address, mode))
    const cause = new RegExp(`port 5000 of green is held by .*of stranger\\.service, run by ${user} on`)
    await underFault(site, () => runs(SHORT, 'promote', 'green', '--force'), {
      exit: 3,
      cause,
      next: NO_KILL,
      noDeploy,
    })
    const doctor = await site.task('doctor')
    expect(doctor.code).toBe(3)
    expect(doctor.stdout).toMatch(/fail +port 5000 .*of stranger\.service/)
  })

  it.each([
    ['another user', 'nobody', '127.0.0.1'],
    ['root on another address', 'root', '127.0.0.2'],
  ])('F62 stops a deploy before the start when it is taken by %s', async (_, user, address) => {
    await root(`systemctl stop life@green; ${stranger(user, address)}`)
    const cause = new RegExp(`port 5000 of green is held by .*of stranger\\.service, run by ${user} on`)
    await underFault(site, () => deployStandIn({}, '--promote'), { exit: 3, cause, next: NO_KILL, noDeploy })
  })

  it('F62 is recognised as served by the release for each way to share it among processes', async () => {
    const deployed = await deployStandIn()
    expect(deployed, deployed.stdout + deployed.stderr).toMatchObject({ code: 0 })
    for (const mode of ['forked_workers', 'orphaned_workers', 'own_sockets']) {
      await behave(site, 'green', mode)
      for (const args of [['promote', 'green'], ['doctor'], ['status'], ['rollback']]) {
        const ended = await site.task(...args)
        expect(ended, `${mode}: ${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
      }
    }
    await assertCleanAfter(site)
  })
})

describe('F63 the list of processes', () => {
  it('F63 is read completely although it changes meanwhile', async () => {
    await behave(site, 'green', 'orphaned_workers')
    await greenListens()
    await root("systemd-run --quiet --unit=churn bash -c 'for i in 1 2 3; do while :; do /bin/true; done & done; wait'")
    try {
      const script = `${whose().text}
for ((i = 0; i < 20; i++)); do whose '' "$(systemctl show -p MainPID --value life@blue)" "$(systemctl show -p MainPID --value life@green)"; echo; done`
      const text = Buffer.from(script).toString('base64')
      const output = await root(
        `echo ${text} | base64 -d > /opt/whose; su vagrant -c 'bash -eu -o pipefail /opt/whose'`,
      )
      const count = (start: string) => output.split('\n').filter(line => line.startsWith(start)).length
      expect([count('0 127.0.0.1:4000 '), count('1 127.0.0.1:5000 '), count('- 127.0.0.1:5000 ')], output).toEqual([
        20, 20, 0,
      ])
      await underFault(site, () => site.task('doctor'), { exit: 0, noDeploy })
    } finally {
      await root('systemctl stop churn')
    }
  })
})

describe('F59 an application whose database comes up late', () => {
  it('F59 is restarted with growing pauses after a reboot, is reported by status and doctor, and comes up', async () => {
    await root('touch /srv/life/database')
    await behave(site, 'green', 'late_database')
    await succeeds(site, 'promote', 'green')
    await root('rm /srv/life/database')
    await site.host.restart()
    const restarts = async () => Number(await root('systemctl show -p NRestarts --value life@green'))
    // The pauses are longer than a status takes by now, so it does not meet a start.
    await expect.poll(restarts, { interval: 50 }).toBe(6)
    const early = await site.task('status')
    expect(early.code, early.stdout + early.stderr).toBe(3)
    expect(early.stderr + early.stdout, early.stderr).toMatch(
      /green is live, but its application is not running \(failed\)/,
    )
    const doctor = await site.task('doctor')
    expect(doctor.code).toBe(3)
    expect(doctor.stdout).toMatch(/fail +live slot .*green is live, but asked for \/health it gave no answer/)
    await expect.poll(restarts, { interval: 500 }).toBeGreaterThan(7)
    const journal = await root("journalctl --boot -u life@green -o short-unix | grep 'no route to the database'")
    const at = journal.split('\n').map(line => Number.parseFloat(line))
    const pause = (from: number) => (at.at(from + 1) ?? 0) - (at.at(from) ?? 0)
    // Eight seconds more than the first pause, less the tolerance for a slow machine.
    expect(pause(-2), journal).toBeGreaterThan(pause(0) + 4)
    await root('touch /srv/life/database')
    await expect
      .poll(() => site.host.exec('curl -sf http://127.0.0.1/health'), { interval: 250 })
      .toMatchObject({ code: 0 })
    await succeeds(site, 'status')
    await succeeds(site, 'rollback')
    await dotenv(site)
    await assertCleanAfter(site, early, doctor)
  })
})
