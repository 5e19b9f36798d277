/** A day with a project: each command of it, on one host or on several, as docs/every-day.md shows them; then each again with `--json`. */
import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunEvent } from '../../runner/events.ts'
import { expectShown, shownOn, wordsOf } from './documented.ts'
import { type Shop, startShop } from './shop.ts'

const PAGE = 'every-day.md'
const run = promisify(execFile)

interface Act {
  readonly command: string
  readonly before?: (shop: Shop) => Promise<unknown>
}

/** What a release is made of is committed, so that a release knows its commit. */
async function commit(shop: Shop, version: string, message: string): Promise<void> {
  await shop.version(version)
  const at = '2026-11-26T09:00:00Z'
  const env = { ...process.env, GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at }
  const who = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.org', '-c', 'commit.gpgsign=false']
  await run('git', ['add', '--all'], { cwd: shop.folder, env })
  await run('git', [...who, 'commit', '--quiet', '--message', message], { cwd: shop.folder, env })
}

const variables = (shop: Shop, text: string) => writeFile(join(shop.folder, '.env.production'), text)

const DAY: readonly Act[] = [
  { command: 'setup --dry-run' },
  { command: 'setup' },
  { command: 'deploy --dry-run --migrate --promote' },
  { command: 'deploy --migrate --promote' },
  { command: 'status' },
  { command: 'pending', before: shop => commit(shop, '1.1.0', 'Prices with two digits') },
  { command: 'deploy --report deploy.html' },
  { command: 'promote green' },
  { command: 'releases' },
  { command: 'rollback' },
  { command: 'rollback 1.1.0' },
  { command: 'env-diff', before: shop => variables(shop, 'GREETING=good evening\nTOKEN=s3same-street\n') },
  { command: 'restart' },
  { command: 'deploy --release 1.0.0' },
  { command: 'history --last 6 --report day.html' },
  { command: 'logs --slot green -n 3' },
  { command: 'exec -- cat VERSION' },
  { command: 'env-push', before: shop => variables(shop, 'GREETING=good night\nTOKEN=s3same-street\n') },
  { command: 'maintenance on --message "Back at 10:00 UTC."' },
  { command: 'maintenance' },
  { command: 'maintenance off' },
  { command: 'lock --reason "new disks"' },
  { command: 'unlock' },
  { command: 'doctor' },
  {
    command: 'prune --keep 0',
    async before(shop) {
      // Migrations ran in 1.0.0, which is kept for that. Of these two, the first is replaced in its slot by the second.
      for (const version of ['1.2.0', '1.3.0']) {
        await commit(shop, version, `The release ${version}`)
        await shop.done('deploy')
      }
    },
  },
  { command: 'retire' },
  { command: 'repair' },
  { command: 'watch --for 1s' },
]

/** Each command of the project with `--json`, and a field of its data, if it has some. */
const AS_JSON: readonly { readonly command: string; readonly field?: string }[] = [
  { command: 'setup' },
  { command: 'deploy --migrate' },
  { command: 'promote green --report promote.html', field: 'sent' },
  { command: 'rollback', field: 'sent' },
  { command: 'restart', field: 'sent' },
  { command: 'deploy --release 1.1.0' },
  { command: 'migrate' },
  { command: 'status', field: 'slots' },
  { command: 'pending', field: 'commits' },
  { command: 'config', field: 'app' },
  { command: 'releases', field: 'releases' },
  { command: 'env-diff', field: 'slots' },
  { command: 'env-push', field: 'changed' },
  { command: 'logs -n 3' },
  { command: 'exec -- cat VERSION' },
  { command: 'maintenance on' },
  { command: 'maintenance', field: 'maintenance' },
  { command: 'maintenance off' },
  { command: 'lock --reason disks' },
  { command: 'unlock' },
  { command: 'doctor', field: 'checks' },
  { command: 'retire' },
  { command: 'prune --keep 3', field: 'removed' },
  { command: 'repair' },
  { command: 'watch --for 1s' },
  { command: 'history', field: 'entries' },
]

const LAST: readonly Act[] = [{ command: 'remove --force --yes-remove shop' }]

/**
 * @param test the path of the test that calls it, which the page names
 * @param all whether the page shows each of the commands; else some
 */
export function everyDay(names: readonly string[], test: string, { all }: { readonly all: boolean }): void {
  let shop: Shop
  beforeAll(async () => {
    // As a job of CI, so that the names do not depend on this machine.
    const person = { GITHUB_ACTOR: 'ann', CI_JOB_URL: 'https://ci.example/jobs/7' }
    shop = await startShop(names, { ...person, ENV_FILE: '.env.production' })
    await variables(shop, 'GREETING=hello\n')
    await writeFile(join(shop.folder, '.gitignore'), 'builds\nssh_config*\n.env*\n*.html\n*.json\n')
    await run('git', ['init', '--quiet'], { cwd: shop.folder })
    await commit(shop, '1.0.0', 'The shop')
  })
  afterAll(async () => {
    await shop?.[Symbol.asyncDispose]()
  })

  const shown = shownOn(PAGE).filter(block => block.test === test)
  const acts = (list: readonly Act[]) =>
    it.each(list)('npx task $command', async ({ command, before }) => {
      await before?.(shop)
      const output = await shop.done(...wordsOf(command))
      if (all || shown.some(block => block.command === command)) expectShown(PAGE, test, command, output)
      expect(output).not.toContain('s3same-street')
    })

  describe(`a day with ${names.join(' and ')}`, () => {
    acts(DAY)

    it('the reports are written, as pages and as JSON, without secrets', async () => {
      for (const name of ['deploy', 'day']) {
        expect((await stat(join(shop.folder, `${name}.html`))).size).toBeGreaterThan(5_000)
        const text = await readFile(join(shop.folder, `${name}.json`), 'utf8')
        expect(JSON.parse(text)).toMatchObject({ app: 'shop', by: 'ann in CI' })
        expect(text).not.toContain('s3same-street')
      }
    })
  })

  describe('with --json', () => {
    it.each(AS_JSON)('npx task $command', async ({ command, field }) => {
      const [name = '', ...more] = wordsOf(command)
      const text = await shop.done(name, '--json', ...more)
      const events = text
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as RunEvent)
      const last = events.at(-1)
      if (last?.type !== 'result') return expect.fail(text)
      expect(last).toMatchObject({ command: name, ok: true, exitCode: 0 })
      if (field === undefined) return
      const data = last.data as { readonly hosts?: Readonly<Record<string, object>> }
      const each = names.length > 1 && data.hosts && !(field in data) ? Object.values(data.hosts) : [data]
      for (const one of each) expect(one).toHaveProperty(field)
    })
  })

  it('the report of a promote is one for all hosts', async () => {
    const report = JSON.parse(await readFile(join(shop.folder, 'promote.json'), 'utf8'))
    if (names.length === 1) expect(report).toMatchObject({ to: { slot: 'green' }, measured: { failures: 0 } })
    else expect(report.switches.map(({ host }: { readonly host: string }) => host)).toEqual(names)
  })

  describe('in the end', () => acts(LAST))
}
