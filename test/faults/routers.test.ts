/** Faults in the middle of a switch, with each router: whatever a command reports, router, public answer and records agree afterwards. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Ended, Site, SiteOptions } from '../../dev/site.ts'
import { onCaddy } from '../support/caddy.ts'
import { onHaproxy } from '../support/haproxy.ts'
import { assertCleanAfter, liveState } from '../support/invariant.ts'
import { other, outageSite } from '../support/outage.ts'

interface Kind {
  readonly unit: string
  readonly options: SiteOptions & { readonly router: string }
  /** Whether systemd starts a killed process again. */
  readonly restarts: boolean
  /** A line of bash that changes the route by hand, to the slot in `$1`. */
  readonly drift: string
}

const LINK = 'cd /srv/life/router; mkdir -p $1.hand; touch $1.hand/$1 $1.hand/$1.hand; ln -sfn $1.hand live'
const SOCKET = '/run/haproxy/switchyard-life.sock'
const KINDS: Readonly<Record<string, Kind>> = {
  nginx: { unit: 'nginx', options: { router: "nginx({ site: 'life.example' })" }, restarts: false, drift: LINK },
  HAProxy: {
    unit: 'haproxy',
    options: { ...onHaproxy, router: onHaproxy.router ?? '' },
    restarts: true,
    drift: `sed -i "s/^live .*/live $1.hand/" /srv/life/router/live.map; systemctl reload haproxy`,
  },
  Caddy: { unit: 'caddy', options: { ...onCaddy, router: onCaddy.router ?? '' }, restarts: false, drift: LINK },
}

describe.each(Object.entries(KINDS))('%s', (_, { unit, options, restarts, drift }) => {
  let site: Site
  let live: string
  let commands: Ended[] = []
  /** Undoes a fault after the row, whether it passed or not. */
  const nothing = async (): Promise<unknown> => undefined
  let heal = nothing
  beforeAll(async () => {
    site = await outageSite({ ...options, router: `aroundTheSwitch(${options.router})` })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    live = (await liveState(site)).slot
  })
  afterEach(async () => {
    await heal()
    heal = nothing
    await assertCleanAfter(site, ...commands)
    commands = []
  })

  const task = async (environment: Record<string, string>, ...args: string[]) => {
    const ended = await site.taskWith(environment, ...args)
    commands.push(ended)
    return { code: ended.code, output: ended.stdout + ended.stderr }
  }
  /** Checks that all three readings name the slot, and go on doing so. */
  const agreedOn = async (slot: string) => {
    await expect.poll(() => site.live()).toBe(slot)
    const { code, output } = await task({}, 'status')
    expect(code, output).toBe(0)
    expect(output).toContain(`All agree: router ${slot}, public answer ${slot}, records ${slot}`)
    for (let i = 0; i < 5; i++) expect(await site.live()).toBe(slot)
  }
  /** Promotes the idle slot under a fault. Checks that the state is what the command reports, and that the next promote works. */
  const promoteUnder = async (environment: Record<string, string>) => {
    const { code, output } = await task(environment, 'promote', other(live))
    expect([0, 1], output).toContain(code)
    expect(output).not.toContain('[PROBES_FAILED]')
    await heal()
    const now = code === 0 ? other(live) : live
    await agreedOn(now)
    const next = await task({}, 'promote', other(now))
    expect(next.code, next.output).toBe(0)
    await agreedOn(other(now))
    return { code, output }
  }
  const restart = () => site.host.exec(`systemctl reset-failed ${unit}; systemctl restart ${unit}`)
  const kill = (signal: string) => `sudo systemctl kill --signal=${signal} --kill-whom=all ${unit}`

  it('that is reloaded all the time has what each promote reports, and keeps it', async () => {
    await site.host.exec(
      `systemd-run --quiet --unit=reloads bash -c 'while :; do systemctl reload ${unit}; sleep 0.2; done'`,
    )
    heal = () => site.host.exec('systemctl stop reloads')
    let now = live
    for (let i = 0; i < 4; i++) {
      const { code, output } = await task({}, 'promote', other(now))
      process.stdout.write(`${unit}, reloaded all the time: ${/^.*probes, .*$/m.exec(output)?.[0]}\n`)
      expect(code, output).toBe(0)
      // A reload may close connections. That is told, and is not the fault of the release.
      if (/probes, [1-9]\d* failed/.test(output)) expect(output).toContain('Somebody reloaded the router meanwhile')
      now = other(now)
      expect((await liveState(site)).slot).toBe(now)
    }
    await heal()
    await agreedOn(now)
  })

  it('that somebody reloads while a promote watches the site keeps the release, and what a reload closed is told', async () => {
    await site.host.exec(`systemd-run --quiet --unit=reloads bash -c 'while :; do systemctl reload ${unit}; done'`)
    heal = () => site.host.exec('systemctl stop reloads')
    const { code, output } = await task({}, 'promote', other(live), '--watch', '15s')
    const line = /^\d+ probes, .*$/m.exec(output)?.[0] ?? ''
    process.stdout.write(`${unit}, reloaded during a watch of 15 s: ${line}\n`)
    expect(code, output).toBe(0)
    const failed = Number(/ (\d+) failed/.exec(line)?.[1])
    // Caddy closes kept connections in each reload, and now and then new ones, just as a request is sent.
    if (unit === 'caddy') expect(failed).toBeGreaterThan(0)
    if (failed > 0)
      expect(output).toContain(`their ${failed} failed requests do not count. ${other(live)} was proven again`)
    await heal()
    await agreedOn(other(live))
  })

  it('that is killed right after the switch has it undone, or starts again and has it', async () => {
    heal = restart
    const { code, output } = await promoteUnder({ BEHIND: kill('KILL') })
    if (!restarts) expect(code, output).toBe(1)
  })

  it('that is killed right before the switch has it undone, or starts again and has it', async () => {
    heal = restart
    const { code, output } = await promoteUnder({ BEFORE: kill('KILL') })
    if (!restarts) expect(code, output).toBe(1)
  })

  it('that is frozen at the switch has what the command reports when it goes on', async () => {
    heal = async () => site.host.exec(`systemctl kill --signal=CONT --kill-whom=all ${unit}`)
    const { output } = await promoteUnder({ BEFORE: kill('STOP') })
    expect(output).toMatch(/\[(?:PROMOTE_UNVERIFIED|HAPROXY_SWITCH_FAILED)\]/)
  })

  it('whose state cannot be written on a full disk keeps its route', async () => {
    const router = '/srv/life/router'
    heal = () => site.host.exec(`umount ${router}; rm -rf /root/router`)
    const { code, stderr } = await site.host.exec(`
cp -a ${router} /root/router && mount -t tmpfs -o nr_inodes=60,size=256k,mode=0755 tmpfs ${router} &&
cp -a /root/router/. ${router}/ && chown vagrant: ${router} && i=0 && while : 2>/dev/null > ${router}/.full.$i; do i=$((i + 1)); done`)
    expect(code, stderr).toBe(0)
    expect((await promoteUnder({})).code).toBe(1)
  })

  it('whose route was changed by hand is reported by status, refuses a promote, and can be repaired', async () => {
    await site.host.exec(`set -- ${other(live)}; ${drift}; chown -hR vagrant: /srv/life/router`)
    await expect.poll(() => site.live()).toBe(other(live))
    const seen = await task({}, 'status')
    expect(seen.code, seen.output).toBe(3)
    expect((await task({}, 'promote', other(live))).code).toBe(3)
    const repaired = await task({}, 'repair', '--force', other(live))
    expect(repaired.code, repaired.output).toBe(0)
    await agreedOn(other(live))
    const back = await task({}, 'promote', live)
    expect(back.code, back.output).toBe(0)
    await agreedOn(live)
  })

  if (unit === 'haproxy')
    it('whose socket is closed at the switch keeps its route, and the command says so', async () => {
      heal = () => site.host.exec(`mv ${SOCKET}.away ${SOCKET} 2>/dev/null`)
      const { code, output } = await promoteUnder({ BEFORE: `sudo mv ${SOCKET} ${SOCKET}.away` })
      expect(code).toBe(1)
      expect(output).toMatch(/did not accept the switch: .*\[HAPROXY_SWITCH_FAILED\]/)
    })

  if (unit === 'caddy')
    it('whose admin API is off is switched, and a setup that has to reload it says what fails', async () => {
      heal = () => site.host.exec('mv /root/Caddyfile /etc/caddy/Caddyfile; systemctl restart caddy')
      const off = await site.host.exec(
        `cp -p /etc/caddy/Caddyfile /root/Caddyfile; sed -i '1i {\\n\\tadmin off\\n}' /etc/caddy/Caddyfile; systemctl restart caddy`,
      )
      expect(off.code, off.stderr).toBe(0)
      const { code, output } = await task({}, 'promote', other(live))
      expect(code, output).toBe(0)
      await site.host.exec("sed -i '$a # by hand' /etc/caddy/switchyard/life.caddy")
      const refused = await task({}, 'setup')
      expect(refused.code, refused.output).not.toBe(0)
      expect(refused.output).toMatch(/Caddy did not accept the new configuration/)
      await heal()
      heal = nothing
      await agreedOn(other(live))
      expect((await task({}, 'setup')).code).toBe(0)
    })
})
