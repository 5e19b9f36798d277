/** The journal of a host records what was done, by whom, from where and with which result; a release that failed is not promoted. */

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import type { HistoryReport } from '../../slots/report/history.ts'
import { exits } from '../support/ended.ts'
import { handTar } from '../support/hand-tar.ts'

const exec = promisify(execFile)
let site: Site
/** The revision of the project, which has untracked files. */
let revision: string

const run = (code: number, ...args: string[]) => exits(code, site.task(...args))
const entries = async () => {
  const events = (await run(0, 'history', '--last', '100', '--json'))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  return events.find(event => event.data?.entries)?.data.entries as Record<string, unknown>[]
}
const dotenv = (text: string) => writeFile(join(site.folder, '.env'), text)

beforeAll(async () => {
  site = await startSite({
    more: "env: '.env', health: { within: 15_000 },",
    tasks: 'export const { history } = tasks',
  })
  await dotenv('')
  const git = async (...args: string[]) => (await exec('git', args, { cwd: site.folder })).stdout.trim()
  await git('init', '-q')
  await git('add', 'Taskfile.ts')
  await git(
    '-c',
    'user.name=t',
    '-c',
    'user.email=t@example.org',
    '-c',
    'commit.gpgsign=false',
    'commit',
    '-qm',
    'first',
  )
  revision = `${await git('rev-parse', 'HEAD')}-dirty`
  await run(0, 'setup')
  await run(0, 'deploy', '--promote')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('the journal records who promoted what, from where, from which slot to which, and how long it took', async () => {
  await run(0, 'deploy')
  await run(0, 'promote', 'green')
  const promote = (await entries()).at(-1)
  expect(promote).toMatchObject({
    event: 'promote',
    from: 'blue',
    slot: 'green',
    result: 'done',
    release: expect.stringMatching(/^0\.1\.0-/),
    revision,
    by: expect.stringMatching(/./),
    where: expect.stringMatching(/./),
  })
  expect(promote?.ms).toBeGreaterThan(0)
  expect(await run(0, 'history', '--last', '1')).toMatch(
    new RegExp(`promote +blue -> green +0\\.1\\.0-\\w+ +${revision.slice(0, 10)} +done`),
  )
})

it('the journal records a deploy that failed with its cause, and that it was undone', async () => {
  await dotenv('LIFE_FAULT=health_500\n')
  expect(await run(3, 'deploy')).toMatch(/was not healthy in time/)
  expect((await entries()).slice(-2)).toMatchObject([
    { event: 'deploy', slot: 'blue', result: 'failed', why: 'SLOT_NOT_HEALTHY' },
    { event: 'deploy', slot: 'blue', result: 'undone' },
  ])
})

it('the journal records a deploy whose artifact was refused before a slot was chosen', async () => {
  const path = join(site.folder, 'bad.tar.gz')
  await writeFile(path, handTar([{ name: '../outside', text: 'x' }]))
  const { code, stderr } = await site.taskWith({ LIFE_VERSION: '6.6.6', LIFE_TARBALL: path }, 'deploy')
  expect(stderr).toSatisfy(() => code === 1)
  expect((await entries()).at(-1)).toMatchObject({
    event: 'deploy',
    slot: '',
    result: 'failed',
    why: 'ARTIFACT_REFUSED',
  })
  expect(await run(0, 'history', '--last', '1')).toMatch(/deploy +- +6\.6\.6-\w+ +\w+ +failed: ARTIFACT_REFUSED/)
})

it('a release whose deploy failed is not promoted without --force', async () => {
  // It runs again and is healthy, but no check has recorded that.
  await site.host.exec('sed -i /LIFE_FAULT/d /srv/life/slots/blue/env; systemctl start life@blue.service')
  const healthy = async () => (await site.host.exec('curl -sf http://127.0.0.1:4000/health')).code
  await expect.poll(healthy).toBe(0)
  const refused = await run(3, 'promote', 'blue')
  expect(refused).toMatch(/0\.1\.0-\w+ is bad: its deploy to blue failed at .*SLOT_NOT_HEALTHY/)
  expect(refused).toContain('or use --force')
  expect(await site.live()).toBe('green')

  await run(0, 'promote', 'blue', '--force')
  expect(await site.live()).toBe('blue')
  await run(0, 'rollback')
})

it('a release whose deploy failed is promoted after a health check passed', async () => {
  await dotenv('LIFE_FAULT=health_500\n')
  await run(3, 'deploy')
  await dotenv('')
  await site.host.exec('sed -i /LIFE_FAULT/d /srv/life/slots/blue/env; systemctl start life@blue.service')
  await run(3, 'promote', 'blue')
  await run(0, 'check-idle')
  await run(0, 'promote', 'blue')
  expect(await site.live()).toBe('blue')
})

it('a report of it is a page and its data, with what each promote has measured; and is refused before anything is contacted', async () => {
  await run(0, 'rollback')
  const shown = await run(0, 'history', '--since', '1h', '--report', 'day.html')
  const report: HistoryReport = JSON.parse(await readFile(join(site.folder, 'day.json'), 'utf8'))
  expect(report).toMatchObject({ app: 'life', hosts: ['life-test'], since: expect.stringMatching(/Z$/) })
  const last = report.entries.at(-1)
  expect(last).toMatchObject({ event: 'promote', command: 'rollback', result: 'done', figures: { failed: 0 } })
  expect(last?.figures?.sent).toBeGreaterThan(5)
  expect(report.entries).toHaveLength(shown.split('\n').filter(line => /^\d{4}-/.test(line)).length)
  const page = await readFile(join(site.folder, 'day.html'), 'utf8')
  expect(page).toContain('<td data-name="what"><span>rollback</span></td>')
  expect(page).toContain(`0 of ${last?.figures?.sent} failed`)

  // Of the newest second nothing is left, and so the page is not empty by chance.
  await run(0, 'history', '--since', '1ms', '--report', 'now.html')
  expect(await readFile(join(site.folder, 'now.html'), 'utf8')).toContain('Nothing was done.')

  const refused = await site.taskWith({ SSH_CONFIG: '/dev/null' }, 'history', '--report', 'nowhere/day.html')
  expect(refused.stdout + refused.stderr).toSatisfy(() => refused.code === 2)
  expect(refused.stderr).toContain('[REPORT_UNWRITABLE]')
  await run(0, 'history', '--report', 'dry.html', '--dry-run')
  await expect(readFile(join(site.folder, 'dry.html'))).rejects.toMatchObject({ code: 'ENOENT' })
})
