/** From `init` to a site that answers: a Node.js application on a host that has Node.js and nginx and nothing of ours. */

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { installCommand } from '../../dev/examples.ts'
import { startHost, type TestHost } from '../../dev/host.ts'
import { HOME } from '../../dev/paths.ts'
import { runTask } from '../../dev/site.ts'

const run = promisify(execFile)
const npm = { ...process.env, CI: '1', npm_config_loglevel: 'error', npm_config_prefer_offline: 'true' }

const server = `const { createServer } = require('node:http')
createServer((request, response) => response.end('hello of ' + process.env.GREETING + ' from ' + process.env.SWITCHYARD_SLOT))
  .listen(process.env.PORT, '127.0.0.1')
`

let base: string
let project: string
let host: TestHost
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'switchyard-init-site-'))
  project = join(base, 'hello')
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', base]
  const [started] = await Promise.all([startHost(), mkdir(project), run('npm', packing, { cwd: HOME, env: npm })])
  host = started
  const { code, stderr } = await host.exec(installCommand(['nodejs']))
  expect(code, stderr).toBe(0)
  await writeFile(
    join(project, 'package.json'),
    '{ "name": "hello", "version": "1.0.0", "scripts": { "start": "node server.js" } }',
  )
  await writeFile(join(project, 'server.js'), server)
  await git('init', '-q')
})
afterAll(async () => {
  await host?.stop()
  await rm(base, { recursive: true, force: true })
})

const git = (...args: string[]) =>
  run('git', [
    '-C',
    project,
    '-c',
    'user.name=t',
    '-c',
    'user.email=t@example.org',
    '-c',
    'commit.gpgsign=false',
    ...args,
  ])
async function task(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runTask(project, { ...npm, SSH_CONFIG: host.sshConfigFile }, args).ended
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout
}
const answer = async () => (await host.exec("curl -s --max-time 5 -H 'Host: hello.example' http://127.0.0.1/")).stdout

it('a project is set up, deployed and promoted with what init wrote, and again with the next commit', async () => {
  const { name, version } = JSON.parse(await readFile(join(HOME, 'package.json'), 'utf8'))
  const tarball = join(base, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  const answers = ['--host', host.alias, '--site', 'hello.example', '--ports', '4100,5100']
  expect(await task('init', ...answers, '--package', tarball)).toMatch(
    /Next:\n {4}npx task bootstrap root@life-test\n {4}npx task setup\n {4}npx task deploy\n {4}npx task promote blue\n/,
  )
  // The one thing that is not as at home: the host is in no ssh configuration but that of the tests.
  const taskfile = join(project, 'Taskfile.ts')
  const made = await readFile(taskfile, 'utf8')
  const called = `ssh('${host.alias}')`
  expect(made).toContain(called)
  await writeFile(taskfile, made.replace(called, `ssh('${host.alias}', { configFile: process.env.SSH_CONFIG })`))
  const environment = join(project, '.env.production')
  await writeFile(environment, `${await readFile(environment, 'utf8')}GREETING=sesame-greeting\n`)
  await git('add', '--all')
  await git('commit', '-qm', 'deploy')
  const { stdout: tracked } = await git('ls-files')
  expect(tracked).toContain('.env.production.example\n')
  expect(tracked).not.toContain('.env.production\n')

  await task('setup')
  await task('deploy')
  expect(await task('promote', 'blue')).toContain('blue is live')
  expect(await answer()).toBe('hello of sesame-greeting from blue')
  // Neither the environment file nor what git or a build left behind is in the release.
  const { stdout: release } = await host.exec('cd /srv/hello/slots/blue/current/ && ls -A')
  expect(release.split('\n')).toEqual(expect.arrayContaining(['Taskfile.ts', 'server.js']))
  expect(release).not.toMatch(/^(?:\.git|\.env\.production|node_modules\/typescript)$/m)

  await writeFile(join(project, 'server.js'), server.replace('hello of', 'good day of'))
  await writeFile(
    join(project, 'package.json'),
    (await readFile(join(project, 'package.json'), 'utf8')).replace('1.0.0', '1.1.0'),
  )
  await git('commit', '-qam', 'politer')
  expect(await task('deploy', '--promote')).toContain('green is live')
  expect(await answer()).toBe('good day of sesame-greeting from green')
})
