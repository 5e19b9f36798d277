/** examples/python on a real host with Debian's gunicorn and Flask: two switches and a rollback under load. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Load, type LoadOptions, type Report, startLoad } from '../../dev/load.ts'
import { runTask } from '../../dev/site.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/python', import.meta.url))
const PACKAGES = `export DEBIAN_FRONTEND=noninteractive
apt-get update -q -o Acquire::Languages=none
apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io gunicorn python3-flask`

let host: TestHost
let folder: string
let load: Load | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-python-'))
  await cp(EXAMPLE, folder, { recursive: true })
  host = await startHost()
  await asRoot(PACKAGES)
  for (const args of [['setup'], ['deploy'], ['migrate'], ['promote', 'blue']]) await task(...args)
})
afterAll(async () => {
  await load?.[Symbol.asyncDispose]()
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function asRoot(command: string): Promise<string> {
  const { code, stdout, stderr } = await host.exec(`set -e\n${command}`)
  expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
  return stdout
}

async function task(...args: string[]): Promise<string> {
  const env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  const { code, stdout, stderr } = await runTask(folder, env, args).ended
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

const release = (version: string) => writeFile(join(folder, 'app/VERSION'), `${version}\n`)
const get = (path: string) => asRoot(`curl -sSf -H 'Host: notes.example' http://127.0.0.1${path}`)

const loadOf = (): LoadOptions => ({
  url: `http://127.0.0.1:${host.httpPort}`,
  // One client of fresh connections, so that its responses come in the order of its requests.
  clients: { keepAlive: 4, idle: 2, post: 2, fresh: 1, slow: 2, socket: 0 },
  headers: ['app-version'],
  maxSeconds: 300,
})
const failures = (report: Report) =>
  Object.entries(report.kinds).flatMap(([kind, { reasons }]) =>
    Object.entries(reasons).map(([why, n]) => `${kind}: ${n} ${why}`),
  )

it('two promotes, one with a migration, and a rollback under load fail no request', async () => {
  await asRoot(`curl -sSf -H 'Host: notes.example' -d 'it stays' http://127.0.0.1/notes`)
  load = await startLoad(loadOf())
  await release('0.2.0')
  await task('deploy', '--promote')
  await release('0.3.0')
  await writeFile(
    join(folder, 'app/migrations/002_done.sql'),
    'ALTER TABLE notes ADD COLUMN done INTEGER NOT NULL DEFAULT 0',
  )
  await task('deploy')
  const migrated = await task('migrate', '--slot', 'blue', '--verbose')
  expect(migrated).toContain('002_done.sql ...')
  expect(migrated).not.toContain('001_notes.sql')
  await task('promote', 'blue')
  expect(await task('status')).toMatch(/blue.*0\.3\.0/)
  expect(JSON.parse(await get('/health'))).toEqual({ version: '0.3.0' })
  await task('rollback')
  expect(JSON.parse(await get('/health'))).toEqual({ version: '0.2.0' })
  const report = await load.stop()
  expect(failures(report)).toEqual([])
  expect(report.endedBy).toBe('stop')
  expect(report.sent).toBeGreaterThan(1_000)
  expect(report.kinds.fresh.seen.map(seen => seen.value)).toEqual(['0.1.0', '0.2.0', '0.3.0', '0.2.0'])
  expect(JSON.parse(await get('/'))).toEqual({ notes: ['it stays'] })
})

it('the control, a restart of the live slot, loses requests under the same load', async () => {
  load = await startLoad(loadOf())
  await asRoot('systemctl restart notes@green.service')
  await asRoot('until curl -sf http://127.0.0.1:5000/health; do sleep 0.1; done')
  const report = await load.stop()
  expect(report.failed).toBeGreaterThan(0)
})

it('a stop lets the workers finish the requests in flight', async () => {
  const response = host.exec('curl -sS -w " %{http_code}" "http://127.0.0.1:5000/slow?ms=4000"')
  await asRoot(`until ss -Htn 'sport = :5000' | grep -q ESTAB; do sleep 0.1; done; systemctl stop notes@green.service`)
  expect((await response).stdout).toMatch(/"slept":true.* 200$/s)
  expect(await asRoot(`ss -Hltn 'sport = :5000'`)).toBe('')
})
