/** The commands that work with the releases that are on a host: `deploy --release`, `rollback [release]`, `restart`, `env-push` and `prune`. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'

let site: Site
/** Names of releases. The copy has the version of `old`, and was never deployed. */
let old: string
let recent: string
const COPY = '0.1.0-bbbbbbb'
const RELEASES = '/srv/life/releases'

/** Without an artifact, so that a build or an upload would fail. */
const run = async (code: number, ...args: string[]) => {
  const ended = await site.taskWith({ LIFE_TARBALL: '/nowhere/life.tar.gz' }, ...args)
  expect(ended, `task ${args.join(' ')}:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code })
  return ended.stdout + ended.stderr
}
const onHost = async (command: string) => {
  const { code, stdout, stderr } = await site.host.exec(command)
  expect(code, `${command}:\n${stderr}`).toBe(0)
  return stdout.trim()
}
const dotenv = (text: string) => writeFile(join(site.folder, '.env'), text)
const nameOf = (slot: string) => onHost(`basename $(readlink /srv/life/slots/${slot}/current)`)
const pidOf = (slot: string) => onHost(`systemctl show -p MainPID --value life@${slot}.service`)
const stored = async () => (await onHost(`ls ${RELEASES}`)).split('\n')
/** The lines of a JSON output or of the journal. */
const eventsIn = (text: string) =>
  text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
const journal = async () => eventsIn(await onHost('cat /srv/life/journal.jsonl'))
/** What a command of ours could change, apart from the lock. */
const state = () =>
  onHost("find /srv/life -printf '%p %m %l %T@\\n' | grep -v '^/srv/life/lock ' | sort; systemctl list-units 'life@*'")

beforeAll(async () => {
  site = await startSite({
    more: "env: '.env', health: { within: 5_000 },",
    tasks: 'export const { releases, restart, envPush, prune, lock, unlock } = tasks',
  })
  await dotenv('GREETING=hello\n')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('a host that is not set up, or has no release, is reported as such', async () => {
  for (const args of [['deploy', '--release', '0.1.0'], ['rollback', '0.1.0'], ['restart'], ['env-push'], ['prune']])
    expect(await run(3, ...args)).toContain('[NOT_SET_UP]')
  await run(0, 'setup')
  expect(await run(3, 'deploy', '--release', '0.1.0')).toMatch(/No release has been uploaded yet\.\n.*\n/)
  expect(await run(3, 'rollback', '0.1.0')).toContain('There is nothing to roll back to: no slot is live.')
  expect(await run(3, 'restart')).toContain(
    'There is no live release to start again: no slot is live. [RESTART_NOTHING]',
  )
  expect(await run(0, 'prune')).toContain('There is nothing to remove.')
})

it('the first two versions are built and uploaded', async () => {
  for (const LIFE_VERSION of ['0.1.0', '0.1.1']) {
    const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION }, 'deploy', '--promote')
    expect(stdout + stderr).toSatisfy(() => code === 0)
  }
  old = await nameOf('blue')
  recent = await nameOf('green')
  expect([old, recent]).toEqual([expect.stringMatching(/^0\.1\.0-/), expect.stringMatching(/^0\.1\.1-/)])
  expect(await site.live()).toBe('green')
})

describe('a deploy of a release that is on the host', () => {
  it('starts it in the idle slot, without a build and an upload', async () => {
    const before = await state()
    const planned = await run(0, 'deploy', '--release', '0.1.0', '--dry-run')
    expect(planned).toContain(`ok: Find the release on the host  ${old}`)
    expect(planned).toContain('blue is running, with')
    expect(await state()).toBe(before)

    const pid = await pidOf('blue')
    const events = eventsIn(await run(0, 'deploy', '--release', '0.1.0', '--json'))
    const started = events.filter(({ type }) => type === 'start')
    expect(started.map(({ title }) => title)).toEqual([
      'Find the release on the host',
      'Check the host',
      'Take the lock',
      'Find out which slot is live',
      'Stop the idle slot',
      'Start the new release in the idle slot',
      'Wait until the idle slot is healthy',
      'Remove old releases',
      'Plan the next step',
    ])
    expect(await pidOf('blue')).not.toBe(pid)
    expect(await site.live()).toBe('green')
    expect((await journal()).at(-1)).toMatchObject({ event: 'deploy', slot: 'blue', release: old, result: 'done' })
  })

  it('is refused before anything is stopped if it is unknown, ambiguous, incomplete, bad, or no name', async () => {
    const pid = await pidOf('blue')
    await onHost(`cd ${RELEASES}; cp -a ${old} ${COPY}; cp -a ${old} 0.0.9-ccccccc; chmod u+w 0.0.9-ccccccc
      rm -f 0.0.9-ccccccc/release.json; touch -d 2026-01-01 ${COPY} 0.0.9-ccccccc`)
    expect(await run(3, 'deploy', '--release', '0.0.9')).toContain('[RELEASE_UNKNOWN]')
    for (const command of [['deploy', '--release'], ['rollback']]) {
      const unknown = await run(3, ...command, '7.7.7')
      expect(unknown).toContain('There is no release 7.7.7 on life-test. [RELEASE_UNKNOWN]')
      for (const name of [old, recent, COPY]) expect(unknown).toContain(name)
      expect(await run(3, ...command, '0.1.0')).toMatch(
        new RegExp(`life-test has 2 releases of the version 0\\.1\\.0\\. \\[RELEASE_AMBIGUOUS\\][^]*${COPY}`),
      )
      expect(await run(2, ...command, '../0.1.0')).toContain('[NAME_INVALID]')
    }
    const failed = { event: 'check', slot: 'blue', release: COPY, result: 'failed', why: 'SLOT_NOT_HEALTHY' }
    await onHost(`echo '${JSON.stringify({ at: '2026-01-02T03:04:05.000Z', ...failed })}' >> /srv/life/journal.jsonl`)
    for (const command of [['deploy', '--release'], ['rollback']]) {
      expect(await run(3, ...command, COPY)).toContain(`${COPY} is bad: its check to blue failed`)
      expect(await run(0, ...command, COPY, '--force', '--dry-run')).toContain('(dry run, nothing was changed)')
    }
    expect(await pidOf('blue')).toBe(pid)
  })

  it('is refused if the release is removed while it waits for the lock', async () => {
    const pid = await pidOf('blue')
    const name = '0.0.8-ddddddd'
    await onHost(`cp -a ${RELEASES}/${old} ${RELEASES}/${name}; rm -f /tmp/let-go`)
    const holding = site.host.exec(`runuser -u vagrant -- flock /srv/life/lock bash -euc \
      'echo {} > /srv/life/lock; until [ -e /tmp/let-go ]; do sleep 0.1; done'`)
    await expect.poll(async () => (await site.host.exec('flock -n /srv/life/lock true')).code).toBe(1)
    const deploying = site.start({}, 'deploy', '--release', name, '--lock-wait', '1m', '--verbose')
    await deploying.says(/^> Take the lock$/m)
    await onHost(`chmod -R u+w ${RELEASES}/${name}; rm -rf ${RELEASES}/${name}; touch /tmp/let-go`)
    await holding
    const { code, stderr } = await deploying.ended
    expect(stderr).toContain(`The release ${name} is not on life-test any more, or is incomplete. [RELEASE_GONE]`)
    expect(code).toBe(3)
    expect(await pidOf('blue')).toBe(pid)
  })
})

describe('a rollback to a release', () => {
  it('promotes it if it runs in the idle slot, and then changes nothing more', async () => {
    const pids = [await pidOf('blue'), await pidOf('green')]
    const output = await run(0, 'rollback', old)
    expect(output).toContain(`ok: Find the release on the host  ${old}, which runs in blue`)
    expect(output).toContain('ok: Start the release in the idle slot  not needed')
    expect(output).toContain(`No migrations are run: the database stays as ${recent} uses it.`)
    expect(await site.live()).toBe('blue')
    const again = await run(0, 'rollback', old)
    expect(again).toContain(`${old} is already live, in blue; nothing was touched.`)
    expect(await site.live()).toBe('blue')
    expect([await pidOf('blue'), await pidOf('green')]).toEqual(pids)
  })

  it('starts it in the idle slot first if no slot runs it', async () => {
    const before = await state()
    expect(await run(0, 'rollback', COPY, '--force', '--dry-run')).toContain(`${COPY} in green`)
    expect(await state()).toBe(before)
    const output = await run(0, 'rollback', '--release', COPY, '--force')
    expect(output).toContain(`ok: Start the release in the idle slot  ${COPY} in green`)
    expect(output).toMatch(/green is live: 5 answers, version 0\.1\.0/)
    expect(output).toMatch(/\d+ probes, 0 failed/)
    expect(output).not.toMatch(/Build the release|Upload the release/)
    expect(await site.live()).toBe('green')
    expect(await nameOf('green')).toBe(COPY)
    expect((await journal()).at(-1)).toMatchObject({ event: 'promote', from: 'blue', slot: 'green', release: COPY })
    expect(await stored()).toContain(recent)
  })

  it('is undone if it is not healthy, and the live slot stays as it was', async () => {
    const pid = await pidOf('green')
    await dotenv('GREETING=hello\nLIFE_FAULT=health_500\n')
    expect(await run(3, 'rollback', '0.1.1')).toContain('[SLOT_NOT_HEALTHY]')
    await dotenv('GREETING=hello\n')
    expect((await journal()).at(-1)).toMatchObject({ event: 'deploy', slot: 'blue', release: recent, result: 'undone' })
    expect(await onHost('systemctl is-active life@blue.service || :')).toBe('inactive')
    expect([await site.live(), await pidOf('green')]).toEqual(['green', pid])
  })
})

describe('a restart', () => {
  it('moves the traffic to the same release with the present environment, without losing a request', async () => {
    await dotenv('GREETING=goodnight\n')
    const before = await state()
    const planned = await run(0, 'restart', '--dry-run')
    expect(planned).toContain(`ok: Find the release that is live  ${COPY} in green`)
    expect(planned).toContain(`From blue, \`npx task rollback\` returns to green: ${COPY} with the environment before`)
    expect(planned).toContain(`\`npx task rollback ${recent}\` starts ${recent}, which blue had before.`)
    expect(await state()).toBe(before)

    const events = eventsIn(await run(0, 'restart', '--json'))
    expect(events.find(({ data }) => data?.from)?.data).toEqual({
      release: COPY,
      from: 'green',
      to: 'blue',
      replaced: recent,
    })
    expect(events.find(({ data }) => data?.sent)?.data).toMatchObject({ failures: 0 })
    expect(events.at(-1)).toMatchObject({ type: 'result', ok: true })
    expect([await site.live(), await nameOf('blue'), await nameOf('green')]).toEqual(['blue', COPY, COPY])
    const greeting = async (slot: string) =>
      onHost(`tr '\\0' '\\n' < /proc/${await pidOf(slot)}/environ | grep ^GREETING=`)
    expect(await greeting('blue')).toBe('GREETING=goodnight')
    expect(await greeting('green')).toBe('GREETING=hello')

    await run(0, 'rollback')
    expect(await site.live()).toBe('green')
  })

  it('is undone if the new environment makes the release fail, and the live slot stays as it was', async () => {
    const pid = await pidOf('green')
    await dotenv('LIFE_FAULT=health_500\n')
    expect(await run(3, 'restart')).toContain('[SLOT_NOT_HEALTHY]')
    await dotenv('GREETING=hello\n')
    expect([await site.live(), await pidOf('green')]).toEqual(['green', pid])
  })
})

describe('env-push', () => {
  const envOf = (slot: string) => onHost(`cat /srv/life/slots/${slot}/env`)

  it('does nothing while the live slot has the environment of the Taskfile', async () => {
    await dotenv('GREETING=hello\n')
    const before = await state()
    expect(await run(0, 'env-push')).toContain(
      'green has the environment of the Taskfile already; nothing was touched.',
    )
    expect(await state()).toBe(before)
  })

  it('names in a dry run what the live slot lacks, and writes nothing', async () => {
    await dotenv('GREETING=evening\nTOKEN=s3same-street\n')
    const before = await state()
    const planned = await run(0, 'env-push', '--dry-run')
    expect(planned).toContain('ok: Compare the environment with that of the live slot  changed GREETING, new TOKEN')
    expect(planned).toContain(`${COPY} would start in blue with these variables; green stays live.`)
    expect(await state()).toBe(before)
  })

  it('starts the live release in the idle slot with it, and leaves the live slot and its file alone', async () => {
    const [pid, file] = [await pidOf('green'), await envOf('green')]
    const output = await run(0, 'env-push', '--json')
    expect(output).not.toContain('s3same-street')
    const events = eventsIn(output)
    expect(events.at(-1)).toMatchObject({
      type: 'result',
      ok: true,
      data: { release: COPY, live: 'green', slot: 'blue', changed: true },
    })
    expect([await site.live(), await pidOf('green'), await envOf('green')]).toEqual(['green', pid, file])
    expect([await nameOf('blue'), await envOf('blue')]).toEqual([
      COPY,
      expect.stringContaining('TOKEN="s3same-street"'),
    ])
    expect((await journal()).at(-1)).toMatchObject({ event: 'deploy', slot: 'blue', release: COPY, result: 'done' })
    expect(await run(0, 'promote', 'blue')).toMatch(/\d+ probes, 0 failed/)
    expect(await site.live()).toBe('blue')
    await run(0, 'rollback')
    expect([await site.live(), await pidOf('green')]).toEqual(['green', pid])
  })

  it('is undone if the release is not healthy with it, and the live slot stays as it was', async () => {
    const [pid, file] = [await pidOf('green'), await envOf('green')]
    await dotenv('LIFE_FAULT=health_500\n')
    expect(await run(3, 'env-push')).toContain('[SLOT_NOT_HEALTHY]')
    await dotenv('GREETING=hello\n')
    expect([await site.live(), await pidOf('green'), await envOf('green')]).toEqual(['green', pid, file])
    expect((await journal()).at(-1)).toMatchObject({ event: 'deploy', slot: 'blue', release: COPY, result: 'undone' })
  })
})

describe('prune', () => {
  it('lists in a dry run what it removes, and never removes the release of a slot', async () => {
    await onHost(
      `cd ${RELEASES}; for i in 1 2 3; do cp -a ${old} 0.0.$i-aaaaaaa; touch -d 2026-01-0$i 0.0.$i-aaaaaaa; done`,
    )
    const before = await stored()
    const unused = before.filter(name => name !== COPY && name !== recent)
    expect(unused.length).toBeGreaterThan(3)
    const planned = await run(0, 'prune', '--keep', '1', '--dry-run')
    for (const name of unused) expect(planned).toContain(`would remove ${name}`)
    expect(await stored()).toEqual(before)

    await run(0, 'lock', '--reason', 'new disks')
    expect(await run(3, 'prune', '--keep', '1')).toContain('new disks')
    await run(0, 'unlock')
    expect(await stored()).toEqual(before)

    const events = eventsIn(await run(0, 'prune', '--keep', '1', '--json'))
    expect(events.at(-1).data.removed.toSorted()).toEqual(unused)
    expect(await stored()).toEqual([COPY, recent])
    expect((await journal()).at(-1)).toMatchObject({
      event: 'prune',
      result: 'done',
      why: expect.stringContaining(`${unused.length} releases: `),
    })
    await run(0, 'prune', '--keep', '0')
    expect(await stored()).toEqual([COPY])
    const entries = (await journal()).length
    expect(await run(0, 'prune', '--keep', '0')).toContain('There is nothing to remove.')
    expect(await journal()).toHaveLength(entries)
    expect(await site.live()).toBe('green')
  })
})
