/** Faults of the client: it is killed, interrupted, frozen, or one of ten. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import type { Ended, Running, Site } from '../../dev/site.ts'
import { type SlowProxy, startSlowProxy } from '../../dev/slow-proxy.ts'
import {
  assertCleanAfter,
  deployNext,
  faultSite,
  lockIsFree,
  next,
  succeeds,
  throughPort,
  underFault,
} from '../support/invariant.ts'

/** Milliseconds without a heartbeat after which the host frees a lock, and until a poll sees that at the latest. */
const TTL = 15_000
const TTL_SEEN = TTL + 5_000

let site: Site
const proxies: SlowProxy[] = []
let slowly: Record<string, string>
/** As `slowly` with a longer delay, to hit the moment of the switch. */
let slower: Record<string, string>
beforeAll(async () => {
  site = await faultSite({
    tasks: `
const gate = task('Wait for the gate', {
  needs: [tasks.detectLive],
  async run({ $ }) { await $\`until [ -e gate ]; do sleep 0.1; done\` },
})
export const gated = flow('Deploy with a gate', [tasks.stopIdle, gate, tasks.deploy])`,
  })
  // With this delay each step takes long enough for a signal to arrive during it.
  slowly = await over(40)
  slower = await over(250)
})
const over = async (delayMs: number) => {
  const proxy = await startSlowProxy(site.host.sshPort, { delayMs })
  proxies.push(proxy)
  return { ...(await next()), SSH_CONFIG: await throughPort(site, proxy.port) }
}
afterAll(async () => {
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
  await site?.[Symbol.asyncDispose]()
})

const gateFile = () => join(site.folder, 'gate')
const openGate = () => writeFile(gateFile(), '')
beforeEach(() => rm(gateFile(), { force: true }))

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const begins = (title: string) => new RegExp(`^> ${escaped(title)}$`, 'm')
const greenPid = async () =>
  (await site.host.exec('systemctl show -p MainPID --value life@green.service')).stdout.trim()

/** The steps of a deploy with --promote, in order; the first test compares them with the program. */
const STEPS = [
  'Build the release',
  'Check the host',
  'Upload the release',
  'Take the lock',
  'Find out which slot is live',
  'Stop the idle slot',
  'Start the new release in the idle slot',
  'Wait until the idle slot is healthy',
  'Remove old releases',
  'Plan the next step',
  'Move the traffic and prove it',
]
/** The steps before the switch is ordered; the last three follow each other immediately. */
const BEFORE_THE_SWITCH = STEPS.slice(0, -3)

it('F10 the steps that this suite interrupts are all the steps of a deploy', async () => {
  const { stdout } = await site.task('deploy', '--promote', '--dry-run', '--json')
  const events = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(events.filter(event => event.type === 'start').map(event => event.title)).toEqual(STEPS)
})

describe('an interrupted client', () => {
  it.each(STEPS)(
    'F10 by Ctrl-C in "%s" undoes its steps, leaves the idle slot unchanged or down, and exits with 130',
    async title => {
      const running = await greenPid()
      const { output } = await underFault(
        site,
        async () => {
          const deploying = site.start(slowly, 'deploy', '--promote')
          await deploying.says(begins(title))
          deploying.kill('SIGINT')
          return deploying.ended
        },
        {
          exit: 130,
          cause: /\[(?:INTERRUPTED|COMMAND_INTERRUPTED)\]/,
          next: /next: ./,
          noDeploy: title !== STEPS.at(-1),
        },
      )
      if (begins('Start the new release in the idle slot').test(output))
        expect(output).toMatch(/^undone: Start the new release in the idle slot/m)
      else if (!begins('Stop the idle slot').test(output)) expect(await greenPid()).toBe(running)
    },
  )

  it('F11 by Ctrl-C twice ends at once, and lists what is left to undo', async () => {
    const { output } = await underFault(
      site,
      async () => {
        const deploying = site.start({ ...slowly, LIFE_SOAK: '30000' }, 'deploy', '--promote')
        await deploying.says(begins('Wait until the idle slot is healthy'))
        deploying.kill('SIGINT')
        await deploying.says(/A second signal ends the program at once/)
        deploying.kill('SIGINT')
        return deploying.ended
      },
      { exit: 130, silent: true, lockWithin: TTL_SEEN },
    )
    expect(output).toMatch(/SIGINT again: ending at once\.\nLeft to undo, newest first:\n {2}- Start the new release/)
  })
})

describe('a client', () => {
  it.each(BEFORE_THE_SWITCH)(
    'F09 that is killed in "%s" frees the lock within its TTL, and a rerun reports what it finds and completes',
    async title => {
      const waits = title === 'Wait until the idle slot is healthy'
      await underFault(
        site,
        async () => {
          const soaking = { ...slowly, ...(waits && { LIFE_SOAK: '20000' }) }
          const deploying = site.start(soaking, 'deploy', '--promote')
          await deploying.says(begins(title))
          deploying.kill('SIGKILL')
          return deploying.ended
        },
        {
          exit: 128,
          silent: true,
          lockWithin: TTL_SEEN,
          ...(waits && { found: /the deploy of 0\.1\.1-\w+ to green by .* was interrupted before it was healthy/ }),
        },
      )
    },
  )

  it('F09 that is killed when it orders the switch loses no request, and the next run knows whether it happened', async () => {
    const load = await startLoad({ url: site.url, clients: { idle: 0, post: 0, fresh: 0, slow: 0, socket: 0 } })
    const deploying = site.start(slower, 'deploy', '--promote')
    await deploying.says(begins('Move the traffic and prove it'))
    deploying.kill('SIGKILL')
    const killed = await deploying.ended
    await lockIsFree(site, TTL_SEEN)
    const found = await deployNext(site)
    if (found.code !== 0) {
      expect(found.stderr).toMatch(/router says green, public answer says green, records say blue/)
      await succeeds(site, 'repair', '--force', 'green')
      await succeeds(site, 'promote', 'blue')
    }
    expect(await site.live()).toBe('blue')
    const again = await deployNext(site)
    expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 })
    expect((await load.stop()).kinds.keepAlive.reasons).toEqual({})
    await assertCleanAfter(site, killed, found, again)
  })

  it('F09 that is killed after the switch loses no request, and the next run reports the drift, which repair fixes', async () => {
    const load = await startLoad({ url: site.url, clients: { idle: 0, post: 0, fresh: 0, slow: 0, socket: 0 } })
    const deploying = site.start(slower, 'deploy', '--promote')
    const answer = async () => (await fetch(`${site.url}/deployment_id`)).text()
    // With this delay there are several round trips between the switch and its record.
    await expect.poll(answer, { interval: 5 }).toBe('green\n')
    deploying.kill('SIGKILL')
    const killed = await deploying.ended
    await lockIsFree(site, TTL_SEEN)
    const found = await deployNext(site)
    expect(found.code, found.stdout + found.stderr).toBe(3)
    expect(found.stderr).toMatch(/router says green, public answer says green, records say blue/)
    expect(found.stderr).toMatch(/^ {2}next: .*npx task repair/m)
    await succeeds(site, 'repair', '--force', 'green')
    expect(await site.live()).toBe('green')
    await succeeds(site, 'promote', 'blue')
    const again = await deployNext(site)
    expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 })
    expect((await load.stop()).kinds.keepAlive.reasons).toEqual({})
    await assertCleanAfter(site, killed, found, again)
  })

  it('F13 that is killed while it holds the lock frees it within the TTL', async () => {
    await underFault(
      site,
      async () => {
        const holder = site.start(await next(), 'gated')
        await holder.says(begins('Wait for the gate'))
        expect((await site.host.exec('flock -n /srv/life/lock true')).code).toBe(1)
        holder.kill('SIGKILL')
        return holder.ended
      },
      { exit: 128, silent: true, lockWithin: TTL_SEEN },
    )
  })

  it('F13 that is frozen while it holds the lock frees it within the TTL, and changes nothing when it continues', async () => {
    let frozen: Running | undefined
    let filled = ''
    await underFault(
      site,
      async () => {
        frozen = site.start(await next(), 'gated')
        await frozen.says(begins('Wait for the gate'))
        frozen.kill('SIGSTOP')
        await lockIsFree(site, TTL_SEEN)
        const second = await deployNext(site)
        expect(second, second.stdout + second.stderr).toMatchObject({ code: 0 })
        filled = await greenPid()
        await openGate()
        frozen.kill('SIGCONT')
        return frozen.ended
      },
      {
        exit: 1,
        cause: /\[(?:LOCK_LOST|OVERTAKEN)\]/,
        next: /next: ./,
        heal: async () => expect(await greenPid()).toBe(filled),
      },
    )
  })
})

it('F12 one of ten deploys at once succeeds, and nine are refused with the holder of the lock and its time', async () => {
  const losers: Ended[] = []
  const { stdout } = await underFault(
    site,
    async () => {
      const environment = await next()
      const all = Array.from({ length: 10 }, () => site.start(environment, 'gated').ended)
      // The winner waits at the gate until the nine others have tried.
      const won: Ended[] = []
      for (const run of all)
        void run.then(async ended => {
          ;(ended.code === 0 ? won : losers).push(ended)
          if (losers.length === 9) await openGate()
        })
      await Promise.all(all)
      expect(won).toHaveLength(1)
      return won[0] as Ended
    },
    { exit: 0 },
  )
  expect(stdout).toContain('Deploy with a gate: done')
  for (const { code, stdout, stderr } of losers) {
    expect.soft(code, stdout + stderr).toBe(3)
    expect
      .soft(stderr)
      .toMatch(/^error: .+ has held the lock on life-test since \d{4}-\d\d-\d\dT.*: .*gated .*\[LOCK_TAKEN\]$/m)
    expect.soft(stderr.match(/^error\b/gm)).toHaveLength(1)
    expect.soft(stderr.match(/^ {2}next: ./gm)).toHaveLength(1)
  }
})
