/** Faults of the machine: it reboots, loses power, or was never deployed to. */
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { assertCleanAfter, deployNext, dotenv, faultSite, liveState, next, succeeds } from '../support/invariant.ts'

describe('F44 a host', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite()
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  const healthy = async (port: number) =>
    (await site.host.exec(`curl -sf --max-time 2 http://127.0.0.1:${port}/health`)).code === 0
  const comesBack = async (slot: string) => {
    await expect.poll(() => site.live()).toBe(slot)
    await expect.poll(async () => (await fetch(site.url).catch(() => undefined))?.status).toBe(200)
  }

  it('F44 that reboots with both slots up has both up again, and keeps the link', async () => {
    const { link } = await liveState(site)
    await site.host.restart()
    await comesBack('blue')
    await expect.poll(() => healthy(5000)).toBe(true)
    expect((await liveState(site)).link).toBe(link)
    await assertCleanAfter(site, await succeeds(site, 'status'))
  })

  it('F44 that loses power with the idle slot down keeps it down, and has the live slot up again', async () => {
    const { link } = await liveState(site)
    await succeeds(site, 'retire')
    await site.host.restart({ powerLoss: true })
    await comesBack('blue')
    expect((await liveState(site)).link).toBe(link)
    expect((await site.host.exec('systemctl is-active life@green.service')).stdout).toBe('inactive\n')
    const deployed = await deployNext(site, {}, '--promote')
    expect(deployed, deployed.stdout + deployed.stderr).toMatchObject({ code: 0 })
    expect(await site.live()).toBe('green')
    await assertCleanAfter(site, deployed)
  })

  it('F44 that loses power during a deploy has the live slot up again, and a rerun completes', async () => {
    const { slot, link } = await liveState(site)
    const deploying = site.start({ ...(await next()), LIFE_SOAK: '30000' }, 'deploy', '--promote')
    await deploying.says(/^> Wait until the idle slot is healthy$/m)
    const [, cut] = await Promise.all([site.host.restart({ powerLoss: true }), deploying.ended])
    expect(cut, cut.stdout + cut.stderr).toMatchObject({ code: 1 })
    expect(cut.stderr).toMatch(/^error: The connection to .* was lost during: .*\[CONNECTION_LOST\]$/m)
    expect(cut.stderr).toMatch(/^ {2}next: Check the state of the host before you try again/m)
    await comesBack(slot)
    expect((await liveState(site)).link).toBe(link)
    const again = await deployNext(site)
    expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 })
    // Whether the host is up soon enough for the cut run to undo its step depends on the speed of the machines.
    if (!/^undone: Start the new release/m.test(cut.stdout))
      expect(again.stdout).toMatch(/was interrupted before it was healthy/)
    await assertCleanAfter(site, cut, again)
  })
})

describe('F49 the very first deploy', () => {
  let site: Site
  beforeAll(async () => {
    site = await startSite({ more: "env: '.env'," })
    await dotenv(site)
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  /** Requests the site in a loop, each time on a new connection; `stop` resolves to the statuses in order, without repetitions. */
  function watch(): { stop(): Promise<string[]> } {
    const seen: string[] = []
    let ended = false
    const fetchStatus = () =>
      new Promise<string>(resolve => {
        request(site.url, { agent: false }, answer => {
          answer.resume()
          answer.on('end', () => resolve(String(answer.statusCode)))
        })
          .on('error', error => resolve(error.message))
          .end()
      })
    const watching = (async () => {
      while (!ended) {
        const status = await fetchStatus()
        if (seen.at(-1) !== status) seen.push(status)
      }
    })()
    return {
      async stop() {
        ended = true
        await watching
        return seen
      },
    }
  }

  it('F49 has hints that lead from each command to the next, and the site changes from 503 to 200 once', async () => {
    const early = await site.task('deploy')
    expect(early.code, early.stdout + early.stderr).toBe(3)
    expect(early.stderr).toMatch(/^error: .* is not set up for this application: .*\[NOT_SET_UP\]$/m)
    expect(early.stderr).toMatch(/^ {2}next: Run `npx task setup`/m)

    await succeeds(site, 'setup')
    const watching = watch()
    const nothing = await site.task('promote', 'blue')
    expect(nothing.code).toBe(3)
    expect(nothing.stderr).toMatch(/^error: Nothing was ever deployed to blue\. \[SLOT_EMPTY\]$/m)
    expect(nothing.stderr).toMatch(/^ {2}next: Run `npx task deploy` first\.$/m)

    const { stdout } = await succeeds(site, 'deploy')
    expect(stdout).toContain('No slot is live yet. Next: npx task promote blue')
    await succeeds(site, 'promote', 'blue')
    await succeeds(site, 'deploy')
    await succeeds(site, 'promote', 'green')
    expect(await watching.stop()).toEqual(['503', '200'])

    const back = await succeeds(site, 'rollback')
    expect(await site.live()).toBe('blue')
    await assertCleanAfter(site, early, nothing, back)
  })
})
