/** `task rehearse` as a whole program: what it refuses before anything is created, and what a run of a rehearsal leaves alone. */
import { execFileSync } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { dockerfile } from '../../rehearse/image.ts'
import { hostnameOf, runOptions } from '../../rehearse/machine.ts'
import { commandsOf } from '../../rehearse/plan.ts'
import { expectShown } from '../support/documented.ts'
import { buildProgram, type Program, projectWith, runTask } from './runner/program.ts'

// Starts whole programs, which takes long on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const taskfile = (more = '') => `
import { byCommand, nginx, project, service, ssh, local, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh('deploy@web-1', { configFile: process.env.SSH_CONFIG }),
  build: tarball({ path: 'shop.tgz', version: '1.0.0' }),
  runtime: service({ start: 'true', migrate: 'true' }),
  router: nginx({ site: 'shop.example', tls: { certificate: '/etc/shop.pem', key: '/etc/shop.key' } }),
  notify: [byCommand('touch told')],
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
  ${more}
})
export const { rehearse, config } = tasks
`

let program: Program
let project: Awaited<ReturnType<typeof projectWith>>
let contacted = 0
const server = createServer(socket => {
  contacted++
  socket.destroy()
})
beforeAll(async () => {
  program = await buildProgram('index.ts')
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const sshConfig = 'thrown_away'
  project = await projectWith({
    'Taskfile.ts': taskfile(),
    'secret.ts': taskfile("env: '.env.production',"),
    'here.ts': taskfile('host: local(),').replace(/ {2}host: ssh.*\n/, ''),
    'balanced.ts': taskfile("router: nginx({ site: 'shop.example', on: ssh('deploy@lb-1'), upstream: '10.0.0.5' }),"),
    '.env.production': 'DATABASE_URL=postgres://shop:sesame@db/shop\n',
    ssh_config: `Host web-1\n  HostName 127.0.0.1\n  Port ${port}\n`,
    'rehearsal.json': JSON.stringify({ sshConfig, hosts: { 'deploy@web-1': 'rehearsal-1' }, env: 'rehearsed.env' }),
    'another.json': JSON.stringify({ sshConfig, hosts: {} }),
    thrown_away: 'Host rehearsal-1\n  HostName 127.0.0.1\n  Port 1\n  User deploy\n',
    'rehearsed.env': 'DATABASE_URL=postgres://rehearsed\n',
  })
  // A machine without Docker, but with `ssh`, which resolves the configuration.
  await mkdir(join(project.folder, 'bin'))
  await symlink(execFileSync('sh', ['-c', 'command -v ssh']).toString().trim(), join(project.folder, 'bin/ssh'))
})
afterAll(async () => {
  server.close()
  await project[Symbol.asyncDispose]()
  await program[Symbol.asyncDispose]()
})

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runTask(program, project, args, { env: { SSH_CONFIG: `${project.folder}/ssh_config`, ...env } })

describe('a rehearsal is refused, with what to do', () => {
  it.each([
    ['without an engine', [], 'REHEARSAL_NO_ENGINE', /`docker` is not installed/],
    [
      'with variables of the real hosts alone',
      ['--taskfile', 'secret.ts'],
      'REHEARSAL_ENV_MISSING',
      /\.env\.rehearsal/,
    ],
    ['with a file that does not exist', ['--env', 'nothing'], 'REHEARSAL_ENV_MISSING', /nothing/],
    ['of this machine', ['--taskfile', 'here.ts'], 'REHEARSAL_NOT_SSH', /this machine/],
    ['with a router on a host of its own', ['--taskfile', 'balanced.ts'], 'REHEARSAL_BALANCER', /lb-1/],
  ])('%s', async (_, flags, code, says) => {
    const { code: exit, stderr } = await run(['rehearse', ...flags], { PATH: join(project.folder, 'bin') })
    expect([exit, stderr]).toEqual([2, expect.stringContaining(code)])
    expect(stderr).toMatch(says)
    expect(contacted).toBe(0)
  })
})

it('--dry-run lists the commands as docs/rehearsal.md shows them, and creates nothing', async () => {
  const { code, stdout } = await run(['rehearse', '--dry-run'], { PATH: join(project.folder, 'bin') })
  expect(code, stdout).toBe(0)
  expectShown('rehearsal.md', 'test/unit/rehearse.program.test.ts', 'rehearse --dry-run', stdout)
})

describe('a run of a rehearsal', () => {
  const rehearsed = (args: readonly string[], file: string) => run(args, { TASK_REHEARSAL: join(project.folder, file) })

  it('contacts the throw-away host alone, also with a command that the Taskfile does not export', async () => {
    const { code, stderr } = await rehearsed(['status'], 'rehearsal.json')
    expect([code, stderr]).toEqual([1, expect.stringContaining('HOST_UNREACHABLE')])
    expect(stderr).toContain('127.0.0.1:1')
    expect(contacted).toBe(0)
    expect((await run(['status'])).stderr).toContain('UNKNOWN_TASK')
  })

  it('contacts no host that has no throw-away one', async () => {
    const { code, stderr } = await rehearsed(['status'], 'another.json')
    expect([code, stderr]).toEqual([2, expect.stringContaining('REHEARSAL_HOST_UNKNOWN')])
    expect(contacted).toBe(0)
  })

  it('has the variables of its own file', async () => {
    const real = await run(['config', '--taskfile', 'secret.ts'])
    expect(real.stdout).toMatch(/^environment +\.env\.production$/m)
    const { code, stdout } = await rehearsed(['config', '--taskfile', 'secret.ts'], 'rehearsal.json')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^environment +rehearsed\.env$/m)
  })
})

it('a host of the Taskfile becomes a container with the ports of ssh and of the site, on this machine alone', () => {
  const options = runOptions('rehearsal', 'web-1', { port: 8080, engines: false })
  expect(options.filter((_, i) => options[i - 1] === '--publish')).toEqual(['127.0.0.1::22', '127.0.0.1::8080'])
  expect(options.join(' ')).not.toMatch(/privileged|systempaths/)
  expect(runOptions('rehearsal', 'web-1', { port: 80, engines: true }).join(' ')).toContain('systempaths=unconfined')
  expect(['deploy@web-1', 'ssh://deploy@web-1:2222', 'root@2001:db8::7', 'deploy@'].map(hostnameOf)).toEqual([
    'web-1',
    'web-1',
    '2001-db8',
    'host',
  ])
  expect(dockerfile('ubuntu:24.04')).toMatch(/^FROM ubuntu:24\.04\n/)
})

it('migrations and the URLs of databases are left out where there are none', () => {
  const all = (of: Partial<Parameters<typeof commandsOf>[0]>) =>
    commandsOf({ slots: ['a', 'b'], migrates: false, fills: false, ...of }).map(({ args }) => args.join(' '))
  expect(all({})).not.toContainEqual(expect.stringContaining('migrate'))
  expect(all({ migrates: true })).toContain('migrate --slot b')
  expect(all({ fills: true })[0]).toBe('bootstrap --yes --write-env')
})
