/** Migrations that are interrupted, hang or are killed, or that two clients start. */

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Running, Site } from '../../dev/site.ts'
import { outputOf } from '../support/ended.ts'
import { assertCleanAfter, faultSite, succeeds, underFault } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite({
    runtime:
      "beam({ stopLimit: 3, migrate: env.LIFE_MIGRATE ?? 'IO.puts(1)', migrateLimit: Number(env.LIFE_LIMIT ?? 600) })",
    tasks: 'export const { history } = tasks',
  })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await site.host.exec('rm -f /tmp/go /tmp/ran /tmp/pid')
})

/** Records that it runs and whether another one runs at the same time, and continues when `/tmp/go` exists. */
const WAITS = `
if File.exists?("/tmp/alone"), do: File.write!("/tmp/ran", "beside another\\n", [:append])
File.write!("/tmp/alone", "")
File.write!("/tmp/pid", System.pid())
File.write!("/tmp/ran", "ran\\n", [:append])
Stream.repeatedly(fn -> Process.sleep(50); File.exists?("/tmp/go") end) |> Enum.find(& &1)
File.rm!("/tmp/alone")
IO.puts("all done")`

/** Makes a client's clock run an hour behind. */
const BEHIND = `data:text/javascript,${encodeURIComponent(
  'const Real = Date; const now = () => Real.now() - 3600e3; globalThis.Date = class extends Real { constructor(...a) { if (a.length) super(...a); else super(now()) } static now() { return now() } }',
)}`

const ran = async () => (await site.host.exec('cat /tmp/ran')).stdout
const go = () => site.host.exec('touch /tmp/go')

async function begin(environment: Record<string, string> = {}, slot = 'green'): Promise<Running> {
  const running = site.start({ LIFE_MIGRATE: WAITS, ...environment }, 'migrate', '--slot', slot, '--verbose')
  await expect.poll(ran).toBe('ran\n')
  return running
}
const promotable = () => site.task('promote', 'green', '--dry-run')
const refused = async (why: RegExp) => {
  const promoted = await site.task('promote', 'green')
  expect(promoted, outputOf(promoted)).toMatchObject({ code: 3 })
  expect(promoted.stderr).toMatch(why)
  expect(promoted.stderr).toMatch(/^ {2}next: Run `npx task migrate --slot green`/m)
}
const status = async () => (await succeeds(site, 'status')).stdout
const statusOf = async () =>
  JSON.parse((await succeeds(site, 'status', '--json')).stdout.trim().split('\n').at(-1) ?? '')

it('F75 a migration that SIGTERM ended counts as failed although its exit code is 0, and blocks promotes until it was completed', async () => {
  await underFault(
    site,
    async () => {
      const running = await begin()
      await site.host.exec('rm /tmp/alone; kill -TERM "$(cat /tmp/pid)"')
      return running.ended
    },
    {
      exit: 1,
      cause:
        /The migrations of 0\.1\.0-\w+, run for green, were terminated before they completed\. \[MIGRATION_CUT_SHORT\]/,
      next: /Find out what terminated them/,
      noDeploy: true,
    },
  )
  await refused(/0\.1\.0-\w+ is bad: its migrate to green failed at .* \(MIGRATION_CUT_SHORT\)/)
  expect((await site.task('check-idle')).code).toBe(0)
  await refused(/MIGRATION_CUT_SHORT/)
  expect(await status()).toMatch(/^Migrations: those of 0\.1\.0-\w+ in green, .* ended with exit code 94$/m)
  await succeeds(site, 'migrate', '--slot', 'green')
  expect((await promotable()).code).toBe(0)
  expect(await status()).not.toContain('Migrations:')
})

it('F75 a migration that ends itself early counts as failed', async () => {
  const halted = await site.taskWith({ LIFE_MIGRATE: 'System.halt(0)' }, 'migrate', '--slot', 'green')
  expect(halted, outputOf(halted)).toMatchObject({ code: 1 })
  expect(halted.stderr).toMatch(/\[MIGRATION_CUT_SHORT\]$/m)
  await assertCleanAfter(site, halted)
})

it('F75 a migration that hangs is ended at its limit, which is reported and blocks promotes', async () => {
  const hung = await site.taskWith({ LIFE_MIGRATE: WAITS, LIFE_LIMIT: '15' }, 'migrate', '--slot', 'green')
  expect(hung, outputOf(hung)).toMatchObject({ code: 1 })
  expect(hung.stderr).toMatch(/did not complete within 15 s and were terminated\. \[MIGRATION_TIMED_OUT\]$/m)
  expect(hung.stderr).toMatch(/^ {2}next: .*raise `migrateLimit`/m)
  expect((await site.host.exec('kill -0 "$(cat /tmp/pid)"; rm /tmp/alone')).stderr).toContain('No such process')
  expect((await succeeds(site, 'history', '--last', '1')).stdout).toMatch(
    /migrate +green .*failed: MIGRATION_TIMED_OUT/,
  )
  await refused(/MIGRATION_TIMED_OUT/)
  await assertCleanAfter(site, hung)
})

it('F75 a migration that Ctrl-C left running is shown by status and history, blocks promotes, and is followed to its end by the next run', async () => {
  const running = await begin()
  running.kill('SIGINT')
  const cut = await running.ended
  expect(cut, outputOf(cut)).toMatchObject({ code: 130 })
  expect(cut.stdout).toMatch(
    /The migrations of 0\.1\.0-\w+ in green continue on .*`npx task migrate --slot green` follows them/,
  )
  expect(await statusOf()).toMatchObject({ data: { migration: { slot: 'green', state: 'running' } } })
  expect((await succeeds(site, 'history', '--last', '1')).stdout).toMatch(/migrate +green .* running /)
  await refused(/The migrations of 0\.1\.0-\w+ in green began at .*, and its end was not seen/)
  const following = site.start({ LIFE_MIGRATE: WAITS }, 'migrate', '--slot', 'green', '--verbose')
  await following.says(/are still running\. Following them to their end/)
  await go()
  const followed = await following.ended
  expect(followed.stdout).toContain('which lost its connection; not run again')
  expect(await ran()).toBe('ran\n')
  expect((await promotable()).code).toBe(0)
  await assertCleanAfter(site, cut, followed)
})

it('F75 a migration of the other slot waits on the host for one whose client was killed, also with a clock an hour behind', async () => {
  const running = await begin({ NODE_OPTIONS: `--import=${BEHIND}` })
  running.kill('SIGKILL')
  const cut = await running.ended
  const second = site.start({ LIFE_MIGRATE: WAITS }, 'migrate', '--slot', 'blue', '--verbose', '--lock-wait', '30s')
  await second.says(/are still running\. Following them to their end/)
  expect(await ran()).toBe('ran\n')
  await go()
  const ended = await second.ended
  expect(ended, outputOf(ended)).toMatchObject({ code: 0 })
  expect(await ran()).toBe('ran\nran\n')
  const { stdout } = await succeeds(site, 'history', '--last', '4')
  expect(stdout.match(/migrate +(green|blue) .*(begun|done)/g)?.map(line => line.replace(/ .* /, ' '))).toEqual([
    'migrate begun',
    'migrate done',
    'migrate begun',
    'migrate done',
  ])
  await assertCleanAfter(site, cut, ended)
})

it('F75 a migration whose processes were killed counts as failed, because it left no result', async () => {
  const running = await begin()
  await site.host.exec('rm /tmp/alone; pkill -KILL -s "$(ps -o sid= -p "$(cat /tmp/pid)" | tr -d " ")"')
  const lost = await running.ended
  expect(lost, outputOf(lost)).toMatchObject({ code: 1 })
  expect(lost.stderr).toMatch(/left no result on life-test: .*\[MIGRATION_LOST\]$/m)
  await refused(/MIGRATION_LOST/)
  const forced = await site.task('promote', 'green', '--force', '--dry-run')
  expect(forced, outputOf(forced)).toMatchObject({ code: 0 })
  await assertCleanAfter(site, lost)
})
