/**
 * Promotes and rollbacks out of an outage: the live slot does not serve, and the other one does. What counts is what begins when the switch is
 * in force, compared with what failed before; the traffic never goes back to a route that fails more. And whose fault it was: a release that is
 * healthy is not held to account for router, disk or line.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { assertCleanAfter, dotenv, next } from '../support/invariant.ts'
import {
  ILLS,
  type Ill,
  journal,
  liveSlot,
  mend,
  other,
  outageSite,
  pidOf,
  sicken,
  statusOf,
} from '../support/outage.ts'

// Each row is some commands, and on a busy machine each of them takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 900_000 })

let site: Site
let live: string
let commands: Ended[] = []
/** Slots to bring back after the row. */
let sick: string[] = []
/** What else has to be put right, however the row ended; doing it twice is fine. */
const nothing = async (): Promise<unknown> => undefined
let heal = nothing
beforeAll(async () => {
  site = await outageSite({
    tasks: `
const broken = task('Warm the caches', { needs: [tasks.detectLive], async run() { throw new Error('the cache is cold') } })
export const promoteAndWarm = flow('Promote, then warm', [tasks.promote, broken])
export const deployAndWarm = flow('Deploy, then warm', [tasks.deploy, broken])`,
  })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  live = await liveSlot(site)
})
afterEach(async () => {
  await heal()
  heal = nothing
  for (const slot of sick) await mend(site, slot)
  await assertCleanAfter(site, ...commands)
  commands = []
  sick = []
})

const outage = async (ill: Ill, slot = live) => {
  sick.push(slot)
  await sicken(site, slot, ill)
}

/** Runs a task to its end; resolves to what it printed. */
async function task(code: number, environment: Record<string, string>, ...words: string[]): Promise<string> {
  const ended = await site.taskWith(environment, ...words)
  commands.push(ended)
  const output = ended.stdout + ended.stderr
  expect(ended.code, `task ${words.join(' ')}:\n${output}`).toBe(code)
  return output
}

/** The traffic is with a slot that serves, provably, and nothing is held against its release. */
async function movedTo(slot: string, output: string): Promise<void> {
  expect(output).toContain(`${slot} is live: `)
  expect(output).not.toContain('undone')
  expect(await site.live()).toBe(slot)
  expect(await statusOf(site, slot)).toBe('200')
  expect((await journal(site)).filter(entry => entry.event === 'promote').at(-1)).toMatchObject({
    slot,
    result: 'done',
  })
}

/** All three readings name the slot. `ill`: it has the traffic and does not serve, which `status` exits with 3 for. */
async function agreedOn(slot: string, ill = false): Promise<void> {
  const { code, stdout, stderr } = await site.task('status')
  expect(code, stdout + stderr).toBe(ill ? 3 : 0)
  expect(stdout).toContain(`All agree: router ${slot}, public answer ${slot}, records ${slot}`)
}

describe('the live slot does not serve, the other one does', () => {
  it.each(ILLS.map((ill, i) => [ill, i % 2 === 0 ? 'rollback' : 'promote'] as const))(
    'F52 out of a live slot that is %s, by %s',
    async (ill, command) => {
      const pid = await pidOf(site, other(live))
      await outage(ill)
      const words = command === 'promote' ? [command, other(live)] : [command]
      await movedTo(other(live), await task(0, {}, ...words))
      expect(await pidOf(site, other(live))).toBe(pid)
    },
  )

  it('F52 deploy --promote out of a live slot that is frozen', async () => {
    await outage('frozen')
    await movedTo(other(live), await task(0, await next(), 'deploy', '--promote'))
  })

  it('F52 without probes, too', async () => {
    await outage('answering 500')
    await movedTo(other(live), await task(0, {}, 'promote', other(live), '--no-probe'))
  })
})

describe('a later step fails', () => {
  it('F52 in an outage the traffic stays with the slot that serves, and the records say so', async () => {
    await outage('stopped')
    const output = await task(1, {}, 'promote-and-warm', other(live))
    const why = `${live} failed 5 of 5 requests, so the traffic stays on ${other(live)}`
    expect(output).toContain(`error while undoing: ${why}. [TRAFFIC_STAYS]`)
    await agreedOn(other(live))
    expect(await statusOf(site, other(live))).toBe('200')
    expect((await journal(site)).at(-1)).toMatchObject({ event: 'promote', result: 'done', why })
  })

  it('F52 in an outage a deploy does not stop the slot that has just got the traffic', async () => {
    await outage('answering 500')
    const output = await task(1, {}, 'deploy-and-warm', '--promote')
    expect(output).toMatch(new RegExp(`so the traffic stays on ${other(live)}\\. \\[TRAFFIC_STAYS\\]`))
    expect(output).toContain(`${other(live)} runs on: it has the traffic. [SLOT_RUNS_ON]`)
    await agreedOn(other(live))
    expect(await statusOf(site, other(live))).toBe('200')
  })

  it('F52 in an outage a deploy without a promote does not stop the one slot that serves', async () => {
    await outage('stopped')
    const output = await task(1, {}, 'deploy-and-warm')
    expect(output).toContain(`${other(live)} runs on: ${live}, which is live, failed 5 of 5 requests. [SLOT_RUNS_ON]`)
    await agreedOn(live, true)
    await movedTo(other(live), await task(0, {}, 'promote', other(live)))
  })

  it('F52 the control: from a live slot that serves the traffic goes back to it, and the new one is stopped', async () => {
    const output = await task(1, {}, 'deploy-and-warm', '--promote')
    expect(output).toMatch(new RegExp(`^undone: Move the traffic and prove it {2}${live} is live again, proven`, 'm'))
    expect(output).toMatch(new RegExp(`^undone: Start the new release in the idle slot {2}${other(live)} is down`, 'm'))
    await agreedOn(live)
    expect(await pidOf(site, other(live))).toBe('0')
  })
})

describe('the new release fails, too', () => {
  /** Healthy by itself at `/`, and ill at what is probed. */
  const shipped = async (fault: string) => {
    await dotenv(site, `LIFE_FAULT=${fault}\n`)
    await task(0, { HEALTH: '/', LIFE_VERSION: '6.6.6', LIFE_TARBALL: await lifeTarball('6.6.6') }, 'deploy')
    await dotenv(site)
  }
  const promote = (code: number) => task(code, { HEALTH: '/' }, 'promote', other(live), '--force')
  const back = `undone: Move the traffic and prove it  `

  it('F52 as much: the traffic goes back, from an outage as from a live slot that serves, and the release is bad', async () => {
    await shipped('health_500')
    for (const ill of [undefined, 'stopped'] as const) {
      if (ill) await outage(ill)
      const output = await promote(1)
      expect(output).toMatch(/requests through the router failed after the switch to .*: .*500.*\[PROBES_FAILED\]/)
      expect(output).toContain(`${back}${live} is live again, proven`)
      await agreedOn(live, ill !== undefined)
    }
    expect(await task(3, { HEALTH: '/' }, 'promote', other(live))).toMatch(/is bad: .*PROBES_FAILED/)
  })

  it('F52 less: from a live slot that serves the traffic goes back, out of an outage it stays, and that is said', async () => {
    await shipped('health_flaps')
    const output = await promote(1)
    expect(output).toMatch(/\[PROBES_FAILED\]/)
    expect(output).toContain(`${back}${live} is live again, proven`)
    await agreedOn(live)
    await outage('stopped')
    const stays = await promote(0)
    expect(stays).toMatch(/^\d+ probes, [1-9]\d* failed \(/m)
    expect(stays).toMatch(
      new RegExp(`^${live} failed (\\d+) of \\1 requests, so the traffic stays on ${other(live)}\\.$`, 'm'),
    )
    await agreedOn(other(live))
  })
})

describe('the release is healthy, and something else is at fault', () => {
  beforeAll(async () => {
    // In both slots, whatever the rows above left there.
    for (const words of [['deploy', '--promote'], ['deploy']]) await task(0, {}, ...words)
  })

  const include = '/etc/nginx/switchyard/life.conf'
  /** Puts lines of nginx before the location of that name, in force when it returns. */
  const nginxSays = async (sed: string) => {
    const { code, stderr } = await site.host.exec(`
cp ${include} /root/include.conf
sed -i ${sed} ${include}
! cmp -s ${include} /root/include.conf && nginx -t && systemctl reload nginx`)
    heal = () => site.host.exec(`mv /root/include.conf ${include}; systemctl reload nginx`)
    expect(code, stderr).toBe(0)
  }

  /** The traffic is where it was, and the release can be promoted as if nothing had been. */
  async function innocent(output: string): Promise<void> {
    expect(output).not.toContain('[PROBES_FAILED]')
    expect(await liveSlot(site)).toBe(live)
    await heal()
    await agreedOn(live)
    await movedTo(other(live), await task(0, {}, 'promote', other(live)))
  }
  const promote = (code: number, environment: Record<string, string> = {}) =>
    task(code, environment, 'promote', other(live))

  it('F53 the router does not say that it has moved', async () => {
    await nginxSays(`'/default_type text/i if ($switchyard_slot = ${other(live)}) { return 500; }'`)
    const output = await promote(1)
    expect(output).toMatch(/did not provably move to .*the site answers 500.*\[PROMOTE_UNVERIFIED\]/)
    await innocent(output)
    await movedTo(live, await task(0, {}, 'rollback'))
  })

  it('F53 what stands between router and slot does not let it through', async () => {
    const port = other(live) === 'blue' ? 4000 : 5000
    await nginxSays(`'s/\\$switchyard_port ${port};/$switchyard_port 5999;/'`)
    const output = await promote(1)
    expect(output).toMatch(/asked for \/health through the router, it answered 502.*\[PROMOTE_UNVERIFIED\]/)
    await innocent(output)
  })

  it('F53 one page does not come through, which the slot itself answers', async () => {
    await nginxSays(
      `'\\,^location / {,i location = /health { if ($switchyard_slot = ${other(live)}) { return 502; } proxy_pass http://127.0.0.1:$switchyard_port; }'`,
    )
    const output = await promote(1, { HEALTH: '/' })
    expect(output).toMatch(
      /requests through the router failed after the switch to .*itself answered 5 of 5\. \[ROUTE_FAILED\]/,
    )
    await innocent(output)
  })

  it('F53 nginx dies behind the switch', async () => {
    heal = () => site.host.exec('systemctl restart nginx')
    const output = await promote(1, { BEHIND: 'sudo systemctl kill --signal=KILL nginx' })
    expect(output).toMatch(/\[PROMOTE_UNVERIFIED\]/)
    await innocent(output)
  })

  it('F53 the journal cannot be written', async () => {
    const journal = '/srv/life/journal.jsonl'
    heal = () => site.host.exec(`chown vagrant ${journal}; chmod 0644 ${journal}`)
    await site.host.exec(`chown root ${journal}; chmod 0444 ${journal}`)
    const output = await promote(1)
    expect(output).toContain(`undone: Move the traffic and prove it  ${live} is live again, proven`)
    await innocent(output)
  })

  it('F53 the disk is full', async () => {
    const router = '/srv/life/router'
    heal = () => site.host.exec(`umount ${router}; rm -rf /root/router`)
    const { code, stderr } = await site.host.exec(`
cp -a ${router} /root/router && mount -t tmpfs -o nr_inodes=60,size=256k,mode=0755 tmpfs ${router} &&
cp -a /root/router/. ${router}/ && chown vagrant: ${router} && i=0 && while : 2>/dev/null > ${router}/.full.$i; do i=$((i + 1)); done`)
    expect(code, stderr).toBe(0)
    const output = await promote(1)
    expect(output).toContain(`undone: Move the traffic and prove it  ${live} is live again, proven`)
    await innocent(output)
  })

  it('F53 the line breaks behind the switch: what is live then can be told again, and nothing is held against the release', async () => {
    await promote(1, { BEHIND: 'sudo pkill -KILL -u vagrant -x sshd' })
    const at = await liveSlot(site)
    await task(0, {}, 'repair', '--force', at)
    await agreedOn(at)
    for (const slot of [other(at), at]) await movedTo(slot, await task(0, {}, 'promote', slot))
  })
})
