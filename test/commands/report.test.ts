/** What a promote measures, on the terminal, in its report and in a browser, and that it is undone when requests fail. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import type { PromoteReport } from '../../slots/promote/report/data.ts'
import type { RunReport } from '../../slots/report/run.ts'
import { findChromium, openPage } from '../support/chromium.ts'

const chromium = await findChromium()

async function deployed(site: Site): Promise<void> {
  for (const [version, ...args] of [
    ['0.1.0', 'setup'],
    ['0.1.0', 'deploy', '--promote', '--no-probe'],
    ['0.1.1', 'deploy'],
  ] as const) {
    const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION: version }, ...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  }
}

describe('a promote that is probed', () => {
  let site: Site
  let page: string
  beforeAll(async () => {
    site = await startSite()
    await deployed(site)
    page = join(site.folder, 'promote.html')
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  it('refuses a report that cannot be written, before anything is contacted', async () => {
    await mkdir(join(site.folder, 'folder.html'))
    const journal = async () => (await site.host.exec('cat /srv/life/journal.jsonl')).stdout
    const before = await journal()
    for (const [args, report] of [
      [['promote', 'green'], 'nowhere/promote.html'],
      [['rollback'], 'nowhere/promote.html'],
      [['deploy', '--promote'], '/nowhere/promote.html'],
      [['deploy'], '/nowhere/deploy.html'],
      [['promote', 'green', '--dry-run'], 'folder.html'],
    ] as const) {
      // A host that nobody can reach.
      const { code, stdout, stderr } = await site.taskWith({ SSH_CONFIG: '/dev/null' }, ...args, '--report', report)
      expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 2)
      expect(stderr).toContain(`error: The report ${report} cannot be written: `)
      expect(stderr).toContain('[REPORT_UNWRITABLE]')
      expect(stdout).not.toContain('> ')
    }
    expect(await site.live()).toBe('blue')
    expect(await journal()).toBe(before)
  })

  it('is not undone when its report cannot be written in the end', async () => {
    // The folder exists when the arguments are checked, and is gone after the switch.
    const folder = join(site.folder, 'reports')
    await mkdir(folder)
    const running = site.start({}, 'promote', 'green', '--report', 'reports/promote.html')
    await running.says(/^> Take the lock/m)
    await rm(folder, { recursive: true })
    const { code, stdout, stderr } = await running.ended
    expect(stdout + stderr).toSatisfy(() => code === 0)
    expect(stdout).toContain('The report ')
    expect(stdout).toMatch(/reports\/promote\.html cannot be written: /)
    expect(await site.live()).toBe('green')
    expect((await site.task('rollback')).code).toBe(0)
  })

  it('prints what it measured, and writes it as HTML and as JSON', async () => {
    const { code, stdout, stderr } = await site.task('promote', 'green', '--report', 'promote.html')
    expect(stdout + stderr).toSatisfy(() => code === 0)
    expect(stdout).toMatch(/^\d+ probes, 0 failed, slowest \d+ ms, first new answer after \d+ ms, last old /m)
    const report: PromoteReport = JSON.parse(await readFile(join(site.folder, 'promote.json'), 'utf8'))
    expect(report).toMatchObject({
      app: 'life',
      from: { slot: 'blue', version: '0.1.0' },
      to: { slot: 'green', version: '0.1.1' },
      problem: null,
      measured: { failures: 0, sent: report.probes.length },
    })
    for (const kind of ['fresh', 'kept', 'route']) {
      const seen = report.probes.filter(probe => probe.kind === kind).map(probe => probe.by)
      expect.soft(seen[0], kind).toBe('old')
      expect.soft(seen.at(-1), kind).toBe('new')
    }
  })

  it('writes the steps of a deploy too, with the switch if there is one, and why it failed', async () => {
    const written = async (done: boolean, more: Record<string, string>, ...args: string[]): Promise<RunReport> => {
      const ended = await site.taskWith(more, 'deploy', ...args, '--report', 'deploy.html')
      expect(ended.stdout + ended.stderr).toSatisfy(() => (ended.code === 0) === done)
      return JSON.parse(await readFile(join(site.folder, 'deploy.json'), 'utf8'))
    }
    const deployed = await written(true, { LIFE_VERSION: '0.1.2' })
    expect(deployed).toMatchObject({ event: 'deploy', result: 'done', live: false, slot: 'blue', switches: [] })
    expect(deployed.steps).toContainEqual({
      title: 'Start the new release in the idle slot',
      note: expect.stringMatching(/^0\.1\.2-\w{7} in blue$/),
      ok: true,
      ms: expect.any(Number),
    })
    expect(await readFile(join(site.folder, 'deploy.html'), 'utf8')).toContain('the release runs in blue')
    const promoted = await written(true, { LIFE_VERSION: '0.1.2' }, '--promote')
    expect(promoted).toMatchObject({ live: true, switches: [{ to: { slot: 'blue' }, measured: { failures: 0 } }] })
    expect(await site.live()).toBe('blue')
    const failed = await written(false, { LIFE_TARBALL: '/nowhere/life.tar.gz' })
    expect(failed).toMatchObject({ result: 'failed', error: { code: expect.any(String) }, switches: [] })
    expect(failed.steps.at(-1)).toMatchObject({ ok: false })
    await site.task('rollback')
    expect(await site.live()).toBe('green')
  })

  it.skipIf('missing' in chromium)(
    `shows the plot in a browser${'missing' in chromium ? ` (skipped: ${chromium.missing})` : ''}`,
    async () => {
      if (!('program' in chromium)) return
      const report: PromoteReport = JSON.parse(await readFile(join(site.folder, 'promote.json'), 'utf8'))
      const dom = await openPage(chromium.program, page, ['--dump-dom'])
      expect(dom.match(/class="tick (blue|green)"/g)).toHaveLength(report.probes.length)
      expect(dom).toContain('The traffic moved.')
      const picture = join(site.folder, 'promote.png')
      await openPage(chromium.program, page, [`--screenshot=${picture}`])
      expect((await stat(picture)).size).toBeGreaterThan(20_000)
    },
  )

  it('probes the site for as long as --watch says', async () => {
    const lastOf = async (...args: string[]) => {
      const { code, stdout, stderr } = await site.task(...args, '--report', 'watched.html')
      expect(stdout + stderr).toSatisfy(() => code === 0)
      const { probes }: PromoteReport = JSON.parse(await readFile(join(site.folder, 'watched.json'), 'utf8'))
      return Math.max(...probes.map(({ at }) => at))
    }
    expect(await lastOf('promote', 'blue', '--watch', '5s')).toBeGreaterThan(4_000)
    expect(await lastOf('promote', 'green')).toBeLessThan(4_000)
  })

  it('sends no probes with --no-probe', async () => {
    const { code, stdout, stderr } = await site.task('rollback', '--no-probe')
    expect(stdout + stderr).toSatisfy(() => code === 0)
    expect(stdout).not.toContain('probes')
    expect(await site.live()).toBe('blue')
  })
})

describe('a promote whose probes fail', () => {
  it('is undone, and reports what failed', async () => {
    // The path takes longer than the timeout of a probe, and the site is watched for longer than that.
    await using site = await startSite({ more: "probe: { paths: ['/slow?ms=8000'], watch: 7000 }," })
    await deployed(site)
    const { code, stdout, stderr } = await site.task('promote', 'green', '--report', 'promote.html')
    expect(code).toBe(1)
    expect(stdout + stderr).toMatch(
      /requests through the router failed after the switch to green: .*(fresh|kept): timeout/,
    )
    expect(stdout + stderr).toContain('undone: Move the traffic and prove it')
    expect(await site.live()).toBe('blue')
    const report: PromoteReport = JSON.parse(await readFile(join(site.folder, 'promote.json'), 'utf8'))
    expect(report.problem).toContain('failed after the switch to green')
  })

  it('is undone for status 500 too, marks the release as bad, and is allowed within `tolerate`', async () => {
    await using site = await startSite({
      more: `env: '.env',
  health: { path: '/', version: false },
  probe: { paths: ['/health'], tolerate: Number(env.TOLERATE ?? 0) },`,
    })
    const dotenv = (text: string) => writeFile(join(site.folder, '.env'), text)
    const run = async (code: number, environment: Record<string, string>, ...args: string[]) => {
      const { stdout, stderr, ...ended } = await site.taskWith(environment, ...args)
      expect(stdout + stderr, args.join(' ')).toSatisfy(() => ended.code === code)
      return stdout + stderr
    }
    await dotenv('')
    await run(0, {}, 'setup')
    await run(0, {}, 'deploy', '--promote')
    await dotenv('LIFE_FAULT=health_500\n')
    await run(0, { LIFE_VERSION: '0.1.1' }, 'deploy')

    const failed = await run(1, {}, 'promote', 'green')
    expect(failed).toMatch(/\d+ of \d+ requests through the router failed after the switch to green: .*\d+ fresh: 500/)
    expect(failed).toContain('undone: Move the traffic and prove it')
    expect(await site.live()).toBe('blue')
    const isBad = /is bad: its promote to green failed at .*PROBES_FAILED/
    expect(await run(3, {}, 'promote', 'green')).toMatch(isBad)
    // A passed health check does not clear that; a deploy that would promote the release is refused before it changes a slot.
    await run(0, {}, 'check-idle')
    const refused = await run(3, { LIFE_VERSION: '0.1.1' }, 'deploy', '--promote')
    expect(refused).toMatch(isBad)
    expect(refused).not.toContain('> Stop the idle slot')

    const tolerated = await run(0, { TOLERATE: '100000' }, 'promote', 'green', '--force')
    expect(tolerated).toMatch(/^\d+ probes, [1-9]\d* failed \(.*fresh: 500/m)
    expect(await site.live()).toBe('green')
  })
})
