/**
 * Promotes and rollbacks in an outage: the live slot does not serve, and the other one does. Requests that begin after the switch are compared
 * with those before; the traffic never goes back to a slot that fails more. A healthy release is not marked as bad for a fault of the router, the
 * disk or the connection.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { assertCleanAfter, dotenv, next } from '../support/invariant.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'
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

// Each row runs several commands, which are slow on a busy machine.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 900_000 })

let site: Site
let live: string
let commands: Ended[] = []
/** Slots to mend after the row. */
let sick: string[] = []
/** Undoes a fault after the row, whether it passed or not. Idempotent. */
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

/** Runs a task to its end; resolves to its output. */
async function task(code: number, environment: Record<string, string>, ...args: string[]): Promise<string> {
  const ended = await site.taskWith(environment, ...args)
  commands.push(ended)
  const output = ended.stdout + ended.stderr
  expect(ended.code, `task ${args.join(' ')}:\n${output}`).toBe(code)
  return output
}

/** Checks that the traffic is on a slot that serves, and that its promote is recorded as done. */
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

/** Checks that all three readings name the slot. `ill`: the slot does not serve, so `status` exits with 3. */
async function agreedOn(slot: string, ill = false): Promise<void> {
  const { code, stdout, stderr } = await site.task('status')
  expect(code, stdout + stderr).toBe(ill ? 3 : 0)
  expect(stdout).toContain(`All agree: router ${slot}, public answer ${slot}, records ${slot}`)
}

describe('a switch to a healthy slot', () => {
  it.each(ILLS.map((ill, i) => [ill, i % 2 === 0 ? 'rollback' : 'promote'] as const))(
    'F52 succeeds from a live slot that is %s, by %s',
    async (ill, command) => {
      const pid = await pidOf(site, other(live))
      await outage(ill)
      const args = command === 'promote' ? [command, other(live)] : [command]
      await movedTo(other(live), await task(0, {}, ...args))
      expect(await pidOf(site, other(live))).toBe(pid)
    },
  )

  it('F52 succeeds from a live slot that is frozen, by deploy --promote', async () => {
    await outage('frozen')
    await movedTo(other(live), await task(0, await next(), 'deploy', '--promote'))
  })

  it('F52 succeeds from a live slot that answers 500, without probes', async () => {
    await outage('answering 500')
    await movedTo(other(live), await task(0, {}, 'promote', other(live), '--no-probe'))
  })
})

describe('a flow whose later step fails', () => {
  it('F52 leaves the traffic on the healthy slot in an outage, and the records agree', async () => {
    await outage('stopped')
    const output = await task(1, {}, 'promote-and-warm', other(live))
    const why = `${live} failed 5 of 5 requests, so the traffic stays on ${other(live)}`
    expect(output).toContain(`error while undoing: ${why}. [TRAFFIC_STAYS]`)
    await agreedOn(other(live))
    expect(await statusOf(site, other(live))).toBe('200')
    expect((await journal(site)).at(-1)).toMatchObject({ event: 'promote', result: 'done', why })
  })

  it('F52 does not stop the slot that its deploy has just promoted in an outage', async () => {
    await outage('answering 500')
    const output = await task(1, {}, 'deploy-and-warm', '--promote')
    expect(output).toMatch(new RegExp(`so the traffic stays on ${other(live)}\\. \\[TRAFFIC_STAYS\\]`))
    expect(output).toContain(`${other(live)} was not stopped: it has the traffic. [SLOT_RUNS_ON]`)
    await agreedOn(other(live))
    expect(await statusOf(site, other(live))).toBe('200')
  })

  it('F52 does not stop the only healthy slot in an outage when its deploy has no promote', async () => {
    await outage('stopped')
    const output = await task(1, {}, 'deploy-and-warm')
    expect(output).toContain(
      `${other(live)} was not stopped: ${live}, which is live, failed 5 of 5 requests. [SLOT_RUNS_ON]`,
    )
    await agreedOn(live, true)
    await movedTo(other(live), await task(0, {}, 'promote', other(live)))
  })

  it('F52 switches back to a live slot that serves, and stops the new one (control)', async () => {
    const output = await task(1, {}, 'deploy-and-warm', '--promote')
    expect(output).toMatch(new RegExp(`^undone: Move the traffic and prove it {2}${live} is live again, verified`, 'm'))
    expect(output).toMatch(new RegExp(`^undone: Start the new release in the idle slot {2}${other(live)} is down`, 'm'))
    await agreedOn(live)
    expect(await pidOf(site, other(live))).toBe('0')
  })
})

describe('a new release that fails too', () => {
  /** Deploys a release that is healthy at `/`, but fails at the probed path. */
  const shipped = async (fault: string) => {
    await dotenv(site, `LIFE_FAULT=${fault}\n`)
    await task(0, { HEALTH: '/', LIFE_VERSION: '6.6.6', LIFE_TARBALL: await lifeTarball('6.6.6') }, 'deploy')
    await dotenv(site)
  }
  const promote = (code: number) => task(code, { HEALTH: '/' }, 'promote', other(live), '--force')
  const back = `undone: Move the traffic and prove it  `

  it('F52 as much as the live slot gets its promote undone, in an outage and without one, and is marked as bad', async () => {
    await shipped('health_500')
    for (const ill of [undefined, 'stopped'] as const) {
      if (ill) await outage(ill)
      const output = await promote(1)
      expect(output).toMatch(/requests through the router failed after the switch to .*: .*500.*\[PROBES_FAILED\]/)
      expect(output).toContain(`${back}${live} is live again, verified`)
      await agreedOn(live, ill !== undefined)
    }
    expect(await task(3, { HEALTH: '/' }, 'promote', other(live))).toMatch(/is bad: .*PROBES_FAILED/)
  })

  it('F52 less than the live slot keeps the traffic in an outage, which is reported, and gets its promote undone without one', async () => {
    await shipped('health_flaps')
    const output = await promote(1)
    expect(output).toMatch(/\[PROBES_FAILED\]/)
    expect(output).toContain(`${back}${live} is live again, verified`)
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

describe('a healthy release', () => {
  beforeAll(async () => {
    // Both slots get a healthy release, whatever the rows above left there.
    for (const args of [['deploy', '--promote'], ['deploy']]) await task(0, {}, ...args)
  })

  const include = '/etc/nginx/switchyard/life.conf'
  /** Edits the include of nginx with sed and reloads nginx. */
  const editNginx = async (sed: string) => {
    const { code, stderr } = await site.host.exec(`
cp ${include} /root/include.conf
sed -i ${sed} ${include}
! cmp -s ${include} /root/include.conf && ${RELOAD_NGINX}`)
    heal = () => site.host.exec(`mv /root/include.conf ${include} && ${RELOAD_NGINX}`)
    expect(code, stderr).toBe(0)
  }

  /** Checks that the traffic is where it was, and that the release can still be promoted. */
  async function innocent(output: string): Promise<void> {
    expect(output).not.toContain('[PROBES_FAILED]')
    expect(await liveSlot(site)).toBe(live)
    await heal()
    await agreedOn(live)
    await movedTo(other(live), await task(0, {}, 'promote', other(live)))
  }
  const promote = (code: number, environment: Record<string, string> = {}) =>
    task(code, environment, 'promote', other(live))

  it('F53 is not marked as bad when the public answer does not confirm the switch', async () => {
    await editNginx(`'/default_type text/i if ($switchyard_slot = ${other(live)}) { return 500; }'`)
    const output = await promote(1)
    expect(output).toMatch(/Could not verify that the traffic moved to .*the site answers 500.*\[PROMOTE_UNVERIFIED\]/)
    await innocent(output)
    await movedTo(live, await task(0, {}, 'rollback'))
  })

  it('F53 is not marked as bad when the router cannot reach the slot', async () => {
    const port = other(live) === 'blue' ? 4000 : 5000
    await editNginx(`'s/\\$switchyard_port ${port};/$switchyard_port 5999;/'`)
    const output = await promote(1)
    expect(output).toMatch(/asked for \/health through the router, it answered 502.*\[PROMOTE_UNVERIFIED\]/)
    await innocent(output)
  })

  it('F53 is not marked as bad when one path fails through the router but not on the slot', async () => {
    await editNginx(
      `'\\,^location / {,i location = /health { if ($switchyard_slot = ${other(live)}) { return 502; } proxy_pass http://127.0.0.1:$switchyard_port; }'`,
    )
    const output = await promote(1, { HEALTH: '/' })
    // The reload of the edit may be in the same second, which is as exact as systemd remembers it.
    expect(output).toMatch(
      /requests through the router failed after the switch to .*itself answered 5 of 5\.( Somebody reloaded the router meanwhile\.)? \[ROUTE_FAILED\]/,
    )
    await innocent(output)
  })

  it('F53 is not marked as bad when nginx dies after the switch', async () => {
    heal = () => site.host.exec('systemctl restart nginx')
    const output = await promote(1, { BEHIND: 'sudo systemctl kill --signal=KILL nginx' })
    expect(output).toMatch(/\[PROMOTE_UNVERIFIED\]/)
    await innocent(output)
  })

  it('F53 is not marked as bad when the journal cannot be written', async () => {
    const journal = '/srv/life/journal.jsonl'
    heal = () => site.host.exec(`chown vagrant ${journal}; chmod 0644 ${journal}`)
    await site.host.exec(`chown root ${journal}; chmod 0444 ${journal}`)
    const output = await promote(1)
    expect(output).toContain(`undone: Move the traffic and prove it  ${live} is live again, verified`)
    await innocent(output)
  })

  it('F53 is not marked as bad when the disk is full', async () => {
    const router = '/srv/life/router'
    heal = () => site.host.exec(`umount ${router}; rm -rf /root/router`)
    const { code, stderr } = await site.host.exec(`
cp -a ${router} /root/router && mount -t tmpfs -o nr_inodes=60,size=256k,mode=0755 tmpfs ${router} &&
cp -a /root/router/. ${router}/ && chown vagrant: ${router} && i=0 && while : 2>/dev/null > ${router}/.full.$i; do i=$((i + 1)); done`)
    expect(code, stderr).toBe(0)
    const output = await promote(1)
    expect(output).toContain(`undone: Move the traffic and prove it  ${live} is live again, verified`)
    await innocent(output)
  })

  it('F53 is not marked as bad when the connection breaks after the switch, and repair brings the records in line', async () => {
    await promote(1, { BEHIND: 'sudo pkill -KILL -u vagrant -x sshd' })
    const at = await liveSlot(site)
    await task(0, {}, 'repair', '--force', at)
    await agreedOn(at)
    for (const slot of [other(at), at]) await movedTo(slot, await task(0, {}, 'promote', slot))
  })
})
