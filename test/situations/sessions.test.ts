import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import type { Site } from '../../dev/site.ts'
import { sh } from '../../host/script.ts'
import {
  assertCleanAfter,
  deployNext,
  faultSite,
  LIGHT,
  liveState,
  succeeds,
  underFault,
} from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite()
})
afterAll(() => site?.[Symbol.asyncDispose]())

/** Adds lines to the configuration of sshd until the test has ended. */
async function sshd(...lines: string[]): Promise<void> {
  const file = '/etc/ssh/sshd_config.d/00-test.conf'
  onTestFinished(
    async () => void (await site.host.exec(`rm -f ${file} && systemctl reset-failed ssh && systemctl restart ssh`)),
  )
  const { code, stderr } = await site.host.exec(
    `printf '%s\n' ${sh.read`${lines}`.text} > ${file} && systemctl reset-failed ssh && systemctl restart ssh`,
  )
  expect(code, stderr).toBe(0)
}

test.each([0, 1])(
  'F51 promote stops at the first failing command when the router folder has %i inodes left',
  async left => {
    const router = '/srv/life/router'
    const used = 'find /srv/life/router | wc -l'
    const { stdout, stderr, code } = await site.host.exec(`set -e
cp -a ${router} /root/router
mount -t tmpfs -o nr_inodes=$(( $(${used}) + ${left} )),mode=0755 tmpfs ${router}
chown --reference=/root/router ${router}; chmod --reference=/root/router ${router}
cp -a /root/router/. ${router}/`)
    expect(code, stdout + stderr).toBe(0)
    const idle = (await site.live()) === 'blue' ? 'green' : 'blue'
    await underFault(site, () => site.task('promote', idle), {
      exit: 1,
      cause: /No space left|ROUTER|ROUTE|PROMOTE|COMMAND_FAILED/,
      heal: () => site.host.exec(`umount ${router} && rm -rf /root/router`),
      noDeploy: true,
    })
  },
)

describe('F66 a server that grants few sessions', () => {
  test.each([1, 2, 3])(
    'with MaxSessions %i allows a deploy with its promote and a rollback, without a failed request',
    async allowed => {
      await sshd(`MaxSessions ${allowed}`)
      const load = await startLoad({ url: site.url, ...LIGHT })
      const ended = [await deployNext(site, {}, '--promote'), await site.task('rollback')]
      const report = await load.stop()
      for (const { code, stdout, stderr } of ended) expect.soft(code, stdout + stderr).toBe(0)
      expect.soft(report.kinds.keepAlive.reasons).toEqual({})
      expect.soft(report.kinds.keepAlive.ok).toBeGreaterThan(10)
      await assertCleanAfter(site, ...ended)
    },
  )

  test('with MaxSessions 1 allows setup, migrate and status', async () => {
    await sshd('MaxSessions 1')
    const before = await liveState(site)
    const ended = []
    for (const args of [['setup'], ['migrate'], ['status']]) ended.push(await succeeds(site, ...args))
    expect(await liveState(site)).toEqual(before)
    await assertCleanAfter(site, ...ended)
  })
})

describe('F69 the account', () => {
  const home = '/home/vagrant'
  /** Replaces a start-up file of the account until the test has ended. */
  const startUp = async (lines: string, file = '.bashrc') => {
    onTestFinished(async () => {
      const old = await site.host.exec(
        `cd ${home} && rm -f ${file} && { [ ! -e ${file}.old ] || mv ${file}.old ${file}; }`,
      )
      expect(old.code, old.stderr).toBe(0)
    })
    const { code, stderr } = await site.host.exec(
      `cd ${home} && { [ ! -e ${file} ] || mv ${file} ${file}.old; } && printf '%s\n' ${sh.read`${lines}`.text} > ${file} && chown vagrant: ${file}`,
    )
    expect(code, stderr).toBe(0)
  }
  test.each(['077', '027'])('with umask %s makes files that nginx can read', async mask => {
    await startUp(`umask ${mask}`)
    const load = await startLoad({ url: site.url, ...LIGHT })
    const ended = await deployNext(site, {}, '--promote')
    const report = await load.stop()
    expect.soft(ended.code, ended.stdout + ended.stderr).toBe(0)
    expect.soft(report.kinds.keepAlive.reasons).toEqual({})
    await assertCleanAfter(site, ended)
  })
})
