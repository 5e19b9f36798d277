/** `task rehearse` in a stranger's project, from the packed package: its report, its exit code, and what it leaves behind. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensureBaseImage } from '../../dev/engine.ts'
import { HOME } from '../../dev/paths.ts'
import type { RehearsalResult } from '../../rehearse/rehearse.ts'
import type { RunEvent } from '../../runner/events.ts'
import { expectShown } from '../support/documented.ts'

const run = promisify(execFile)
const env = { ...process.env, npm_config_loglevel: 'error', npm_config_prefer_offline: 'true' }

const SERVER = `
const { createServer } = require('node:http')
createServer((request, to) => {
  if (process.env.LOSES && Math.random() < 0.2) return request.socket.destroy()
  to.end('hello of ' + process.env.GREETING)
}).listen(process.env.PORT, '127.0.0.1')
`
const taskfile = (hosts: string, more = '') => `
import { byCommand, command, git, nginx, project, service, ssh } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  ${hosts},
  build: git({ build: command({ run: 'true', artifact: '.', version: '1.0.0' }) }),
  runtime: service({ start: 'node server.js', migrate: 'test "$GREETING" = nobody' }),
  router: nginx({ site: 'shop.example' ${more} }),
  packages: ['nodejs'],
  env: '.env.production',
  notify: [byCommand('touch told')],
  health: { path: '/', version: false },
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { rehearse } = tasks
`

let base: string
let folder: string
/** A temporary folder for the rehearsals, which shows what they leave behind. */
let temporary: string
beforeAll(async () => {
  await ensureBaseImage()
  base = await mkdtemp(join(tmpdir(), 'switchyard-own-'))
  ;[folder, temporary] = [join(base, 'shop'), join(base, 'tmp')]
  await Promise.all([mkdir(folder), mkdir(temporary)])
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', base], { cwd: HOME })
  const tarball = join(base, JSON.parse(stdout)[0].filename)
  const files = {
    'package.json': '{ "name": "shop", "private": true }',
    'server.js': SERVER,
    '.gitignore': 'node_modules\n.env.*\ntold\n',
    '.env.production': 'GREETING=the public\n',
    'Taskfile.ts': taskfile("host: ssh('deploy@203.0.113.7')"),
    'two.ts': taskfile(
      "hosts: [ssh('deploy@203.0.113.7'), ssh('ssh://deploy@203.0.113.8:2222')]",
      ", tls: { certificate: '/etc/ssl/shop.pem', key: '/etc/ssl/private/shop.key' }",
    ),
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text)
  await run('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: folder, env })
  const author = ['-c', 'user.name=me', '-c', 'user.email=me@desk', '-c', 'commit.gpgsign=false']
  await run('sh', ['-c', `git init -q && git add --all && git ${author.join(' ')} commit -qm shop`], { cwd: folder })
})
afterAll(() => rm(base, { recursive: true, force: true }))

function rehearse(...flags: string[]) {
  const child = spawn(join(folder, 'node_modules/.bin/task'), ['rehearse', ...flags], {
    cwd: folder,
    env: { ...env, TMPDIR: temporary, GITHUB_STEP_SUMMARY: join(base, 'summary.md') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let stdout = ''
  child.stdout.on('data', (chunk: string) => {
    stdout += chunk
  })
  let check = () => {}
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      check()
    })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, output, stdout }))
  const says = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      check = () => void (pattern.test(output) && resolve())
      check()
      void ended.then(() => reject(new Error(`It ended without ${pattern}:\n${output}`)))
    })
  return { child, ended, says }
}

/** Of a run with `--json`, which prints nothing else. */
const eventsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RunEvent)

const containers = async () =>
  (
    await run('docker', ['ps', '--all', '--filter', 'label=switchyard.rehearsal', '--format', '{{.Names}}'])
  ).stdout.trim()
/** Nothing but the compiled Taskfile is left, and nobody was told. */
async function expectClean() {
  expect(await containers()).toBe('')
  expect((await readdir(temporary)).filter(name => name.startsWith('switchyard-'))).toEqual([])
  expect(await readdir(folder)).not.toContain('told')
  expect(await readdir(base)).not.toContain('summary.md')
}

it('refuses to use the variables of the real hosts, and creates nothing', async () => {
  const { code, output } = await rehearse().ended
  expect([code, output]).toEqual([2, expect.stringContaining('REHEARSAL_ENV_MISSING')])
  await expectClean()
})

it('takes the Taskfile from a bare host to a promote and a rollback that lose nothing, and removes everything', {
  timeout: 900_000,
}, async () => {
  await writeFile(join(folder, '.env.rehearsal'), 'GREETING=nobody\n')
  const { code, output, stdout } = await rehearse().ended
  expect(code, output).toBe(0)
  expectShown('rehearsal.md', 'test/commands/rehearse-own.test.ts', 'rehearse', stdout)
  for (const line of [
    /^\$ task bootstrap --yes$/m,
    /Install .*nginx.*nodejs.* with apt-get\./,
    /^\$ task migrate --slot green$/m,
    /^Results on a throw-away host for deploy@203\.0\.113\.7: Debian GNU\/Linux 12 \(bookworm\), \d+ cores, nginx:$/m,
    /^promote green: \d{3,} requests sent, 0 failed$/m,
    /^ {2}fresh connections saw blue then green, .* \d+ ms apart$/m,
    /^rollback to blue: \d{3,} requests sent, 0 failed$/m,
    /^ {2}fresh connections saw green then blue, .* \d+ ms apart$/m,
    /^Nothing was lost: 0 requests failed\.$/m,
  ])
    expect(output).toMatch(line)
  expect(output).not.toContain('the public')
  await expectClean()
})

it('counts what an application loses, and exits with 1: the control', { timeout: 900_000 }, async () => {
  await writeFile(join(folder, '.env.loses'), 'GREETING=nobody\nLOSES=1\n')
  const { code, output, stdout } = await rehearse('--env', '.env.loses', '--json').ended
  expect(code, output).toBe(1)
  expect(output).toMatch(/Requests were lost\.|PROBES_FAILED|HEALTH_FAILED|REHEARSAL_FAILED/)
  expect(eventsOf(stdout).at(-1)).toMatchObject({ type: 'result', command: 'rehearse', ok: false, exitCode: 1 })
  expect(stdout).toBe(output)
  await expectClean()
})

it.each([
  { taskfile: 'Taskfile.ts', names: ['deploy@203.0.113.7'] },
  // With certificates of their own.
  { taskfile: 'two.ts', names: ['deploy@203.0.113.7', 'ssh://deploy@203.0.113.8:2222'] },
])('tells of each host of $taskfile, with figures for a program', { timeout: 900_000 }, async ({ taskfile, names }) => {
  const { code, output, stdout } = await rehearse('--taskfile', taskfile, '--json').ended
  expect(code, output).toBe(0)
  expect(stdout).toBe(output)
  const events = eventsOf(stdout)
  const printed = events.flatMap(event => (event.type === 'print' ? event.line : []))
  for (const name of names) expect(printed).toContainEqual(expect.stringMatching(`throw-away host for ${name}: Debian`))
  const last = events.at(-1)
  if (last?.type !== 'result') return expect.fail(stdout)
  expect(last).toMatchObject({ command: 'rehearse', ok: true, exitCode: 0 })
  const { hosts, ...ended } = last.data as RehearsalResult
  expect(ended).toEqual({ lost: false, sentence: 'Nothing was lost: 0 requests failed.' })
  expect(hosts.map(({ host, title }) => `${title} on ${host}`)).toEqual(
    names.flatMap(name => [`promote green on ${name}`, `rollback to blue on ${name}`]),
  )
  for (const { title, measured } of hosts) {
    const seen = title.startsWith('promote') ? ['blue', 'green'] : ['green', 'blue']
    expect(measured).toMatchObject({ failed: 0, reasons: {}, seen })
    expect(measured.sent).toBeGreaterThan(100)
    expect(printed).toContain(`${title}: ${measured.sent} requests sent, 0 failed`)
    expect(printed).toContainEqual(expect.stringMatching(` ${measured.apartMs} ms apart$`))
    expect(printed).toContain(
      `  switched at ${measured.switchedAt?.slice(11, 23)} UTC; the whole command took ${measured.tookMs} ms`,
    )
  }
  await expectClean()
})

it('removes everything after Ctrl-C, and when it is killed', { timeout: 900_000 }, async () => {
  const first = rehearse()
  await first.says(/task bootstrap/)
  expect(await containers()).not.toBe('')
  first.child.kill('SIGINT')
  const { code, output } = await first.ended
  expect(code, output).toBe(130)
  await expectClean()

  const second = rehearse()
  await second.says(/task bootstrap/)
  second.child.kill('SIGKILL')
  await second.ended
  await expect.poll(containers).toBe('')
})

it('keeps the hosts with --keep, and prints how to log in and how to remove them', { timeout: 900_000 }, async () => {
  const kept = rehearse('--keep')
  await kept.says(/task setup/)
  kept.child.kill('SIGTERM')
  const { output } = await kept.ended
  const [, enter = ''] = /^Log in to the host for \S+ (ssh .+)$/m.exec(output) ?? []
  const [, remove = ''] = /^Remove it: (.+)$/m.exec(output) ?? []
  try {
    expect((await run('bash', ['-c', `${enter} id -un`])).stdout).toBe('deploy\n')
  } finally {
    await run('bash', ['-c', remove])
  }
  await expectClean()
})

it('the package is small, and no other command loads the rehearsal', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: HOME })
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string; size: number }[] }]
  const ours = files.filter(({ path }) => /rehears|load-process|container-init/.test(path))
  expect(ours.map(({ path }) => path.replace(/-\w{8}(?=\.js)/, '')).sort()).toEqual(
    expect.arrayContaining(['dist/load/load-process.js', 'dist/container-init.sh', 'dist/rehearsal-provision.sh']),
  )
  expect(ours.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(60_000)
  const programs = (await readdir(join(HOME, 'dist'))).filter(name => name.endsWith('.js'))
  const texts = await Promise.all(programs.map(name => readFile(join(HOME, 'dist', name), 'utf8')))
  // A chunk whose compiled code is kept imports through a function of its own.
  expect(texts.filter(text => /(?:import|await __load)\("\.\/rehearse-/.test(text))).toHaveLength(1)
  expect(texts.filter(text => /^import .*\.\/rehearse-/m.test(text))).toEqual([])
})
