/** Ctrl-C during a deploy: the steps are undone newest first, the live slot is unchanged, the lock is free. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { lockIsFree } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  // With a soak, a deploy still runs when the signal comes, however late that is.
  site = await startSite({ more: 'health: { soak: Number(env.LIFE_SOAK ?? 0) },' })
  for (const args of [['setup'], ['deploy', '--promote']]) {
    const { code, stdout, stderr } = await site.task(...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  }
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const livePid = async () => (await site.host.exec('systemctl show -p MainPID --value life@blue.service')).stdout.trim()

describe('Ctrl-C during a deploy', () => {
  it.each([
    'Upload the release',
    'Take the lock',
    'Stop the idle slot',
    'Start the new release',
    'Wait until the idle slot is healthy',
  ])(
    'in the step "%s" leaves the live slot unchanged, the idle one down, the lock free, and exits with 130',
    async title => {
      const before = await livePid()
      const running = site.start({ LIFE_SOAK: '60000' }, 'deploy')
      await running.says(new RegExp(title))
      running.kill('SIGINT')
      const { code } = await running.ended
      expect(code).toBe(130)
      expect(await site.live()).toBe('blue')
      expect(await livePid()).toBe(before)
      expect((await site.host.exec('ss -Hltn "sport = :5000"')).stdout).toBe('')
      await lockIsFree(site)
      expect((await site.host.exec('ls -A /srv/life/releases')).stdout.trim().split('\n')).toHaveLength(1)
    },
  )

  it('does not prevent the next deploy', async () => {
    const { code, stdout, stderr } = await site.task('deploy', '--promote')
    expect(stdout + stderr).toSatisfy(() => code === 0)
    expect(await site.live()).toBe('green')
  })
})
