/** Faults of the router, and promotes that ought not to happen. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { onHaproxy } from '../support/haproxy.ts'
import { assertCleanAfter, deployNext, faultSite, liveState, succeeds, underFault } from '../support/invariant.ts'

/** Of each kind a few: more would take the time of the program that is measured. */
const CLIENTS = { keepAlive: 2, idle: 2, post: 1, fresh: 1, slow: 0, socket: 10 }

/** What F46 asks of a router, of this one. */
const restarted = async (site: Site, unit: string) => {
  const [{ slot: first }, promoted] = [await liveState(site), await succeeds(site, 'promote', 'green')]
  const before = await liveState(site)
  expect([first, before.slot]).toEqual(['blue', 'green'])
  await site.host.exec(`systemctl restart ${unit}`)
  await expect.poll(() => site.live(), { timeout: 20_000 }).toBe('green')
  expect(await liveState(site)).toEqual(before)
  const back = await succeeds(site, 'rollback')
  expect(await site.live()).toBe('blue')
  await assertCleanAfter(site, promoted, back)
}

const nginxProcesses = async (site: Site) => (await site.host.exec('pgrep -x nginx | sort')).stdout

describe('nginx without a reload', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite()
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  it("F31 the site's own configuration invalid: the config test stops the promote", async () => {
    const own = '/etc/nginx/switchyard/life.conf'
    await site.host.exec(`cp ${own} /root/life.conf; echo 'listen;' >> ${own}`)
    await underFault(site, () => site.task('promote', 'green'), {
      exit: 3,
      cause: /nginx on life-test refuses its configuration: .*switchyard\/life\.conf/,
      next: /Put that right, see that `sudo nginx -t` succeeds/,
      heal: () => site.host.exec(`cat /root/life.conf > ${own}`),
    })
  })

  it('F35 nginx is down: refused, and it is never started silently', async () => {
    await site.host.exec('systemctl stop nginx')
    const { output } = await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /life-test is not fit, router: nginx does not run on life-test.*\[PREFLIGHT_FAILED\]/,
      next: /next: .*it is never started silently/,
      noLoad: 'the fault is that nobody is served',
      heal: async () => {
        expect((await site.host.exec('systemctl is-active nginx')).stdout).toBe('inactive\n')
        await site.host.exec('systemctl start nginx')
      },
    })
    expect(output).toMatch(/nginx does not run on life-test\. .*it is never started silently/)
  })

  it('F36 sudo asks for a password: refused before anything is changed, with the exact line to add', async () => {
    const before = await site.host.exec('systemctl show -p MainPID --value life@green.service')
    await site.host.exec('mkdir /root/sudoers && mv /etc/sudoers.d/* /root/sudoers/')
    const { output } = await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /life-test is not fit.*sudo.*\[PREFLIGHT_FAILED\]/,
      next: /Run `npx task setup`, or add .*\/etc\/sudoers\.d\/zz-switchyard`: vagrant ALL=/,
      heal: async () => {
        expect(await site.host.exec('systemctl show -p MainPID --value life@green.service')).toEqual(before)
        await site.host.exec('mv /root/sudoers/* /etc/sudoers.d/')
      },
    })
    const { stdout } = await site.host.exec('cat /etc/sudoers.d/switchyard-life')
    const rules = stdout.split('\n').filter(rule => rule.includes(' NOPASSWD: '))
    expect(rules.length).toBeGreaterThan(10)
    for (const rule of rules) expect.soft(output).toContain(rule.replace('vagrant ALL=(root) NOPASSWD: ', ''))
  })

  it('F37 promote to a slot that is down: refused', async () => {
    await site.host.exec('systemctl stop life@green.service')
    await underFault(site, () => site.task('promote', 'green'), {
      exit: 3,
      cause: /The application in green is not running \(stopped\)/,
      next: /npx task deploy|deploy again/,
    })
  })

  it('F38 promote the slot that is live: "already live", and nothing is reloaded', async () => {
    const before = await nginxProcesses(site)
    const { stdout } = await underFault(site, () => site.task('promote', 'blue'), { exit: 0, noDeploy: true })
    expect(stdout).toContain('blue is already live')
    expect(before).not.toBe('')
    expect(await nginxProcesses(site)).toBe(before)
  })

  it('F46 nginx restarts after a switch: the same slot as before', async () => {
    await restarted(site, 'nginx')
  })

  it('F39 rollback right after a promote: the warm slot answers within a second of the switch, and no request failed', async () => {
    const switches: number[] = []
    const commands: number[] = []
    const ended: Ended[] = []
    const warm = await site.host.exec('systemctl show -p MainPID --value life@blue.service')
    for (let i = 0; i < 3; i += 1) {
      const load = await startLoad({ url: site.url, headers: ['life-slot'], clients: CLIENTS })
      ended.push(await succeeds(site, 'promote', 'green'))
      const asked = Date.now()
      const back = await succeeds(site, 'rollback')
      ended.push(back)
      const report = await load.stop()
      expect(report.failed, JSON.stringify(report.kinds)).toBe(0)
      expect(report.drops).toEqual([])
      expect(report.kinds.fresh.seen.map(seen => seen.value)).toEqual(['blue', 'green', 'blue'])
      commands.push(Math.round((report.kinds.fresh.seen[2]?.firstAnsweredAt ?? Number.NaN) - asked))
      switches.push(Number(/first new answer after (\d+) ms/.exec(back.stdout)?.[1]))
    }
    expect(await site.host.exec('systemctl show -p MainPID --value life@blue.service')).toEqual(warm)
    await assertCleanAfter(site, ...ended)
    process.stdout.write(
      `F39 first answer of the warm slot: ${switches.join(', ')} ms after the router was told, ${commands.join(', ')} ms after the command\n`,
    )
    // Of the whole command no more is asked here, where others use the processors: the figure is printed.
    expect(Math.max(...switches)).toBeLessThan(1_000)
    expect(Math.max(...commands)).toBeLessThan(20_000)
  })
})

describe('nginx with a reload', () => {
  const green = '/etc/nginx/switchyard/life.green.conf'
  let site: Site
  beforeAll(async () => {
    site = await faultSite({ router: "nginx({ site: 'life.example', mode: 'reload' })" })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  const heal = () => site.host.exec(`mv /root/green.conf ${green}`)

  it('F46 nginx restarts after a switch: the same slot as before', async () => {
    await restarted(site, 'nginx')
  })

  it('F31 the configuration of the new slot invalid: the config test stops it, the link is restored', async () => {
    await site.host.exec(`cp ${green} /root/green.conf; sed -i 's/listen 80;/listen;/' ${green}`)
    await underFault(site, () => site.task('promote', 'green'), {
      exit: 3,
      cause:
        /nginx on life-test refuses its configuration: .*life\.green\.conf|nginx on life-test refuses its configuration: .*sites-enabled\/life\.conf/,
      next: /Nothing was switched/,
      heal,
    })
  })

  it('F32 valid, but the port cannot be bound: the reload says ok, the proof fails, the link is restored', async () => {
    await site.host.exec(`cp ${green} /root/green.conf; sed -i 's/listen 80;/listen 80; listen 22;/' ${green}`)
    const { output } = await underFault(site, () => site.task('promote', 'green', '--verbose'), {
      exit: 1,
      cause: /The traffic did not provably move to green: after \d+ questions the site still says blue/,
      next: /The route before it was put back/,
      resets: 'a reload, with which the link is put back, closes connections that wait for their next request',
      heal,
    })
    expect(output).toMatch(/undone: .*Move the traffic/)
  })
})

describe('HAProxy', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite(onHaproxy)
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  it('F46 HAProxy restarts after a runtime switch: the same slot as before', async () => {
    await restarted(site, 'haproxy')
  })

  it("F31 the site's own configuration invalid: the config test stops the promote", async () => {
    const own = '/etc/haproxy/switchyard/life.cfg'
    await site.host.exec(`cp ${own} /root/life.cfg; echo '    listen' >> ${own}`)
    await underFault(site, () => site.task('promote', 'green'), {
      exit: 3,
      cause: /haproxy on life-test refuses its configuration: .*switchyard\/life\.cfg/,
      next: /Put that right, see that `sudo haproxy -c` with the same files succeeds/,
      heal: () => site.host.exec(`cat /root/life.cfg > ${own}`),
    })
  })

  it('F35 haproxy is down: refused, and it is never started silently', async () => {
    await site.host.exec('systemctl stop haproxy')
    await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /life-test is not fit, router: haproxy does not run on life-test.*\[PREFLIGHT_FAILED\]/,
      next: /next: .*it is never started silently/,
      noLoad: 'the fault is that nobody is served',
      heal: async () => {
        expect((await site.host.exec('systemctl is-active haproxy')).stdout).toBe('inactive\n')
        await site.host.exec('systemctl start haproxy')
      },
    })
  })
})
