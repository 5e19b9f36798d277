/** `task config` as a whole program: it contacts no host, and prints no secret. */
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildProgram, type Program, projectWith, runTask } from './runner/program.ts'

const taskfile = `
import { beam, docker, nginx, project, ssh } from 'switchyard-deploy'
const { tasks } = project({
  app: 'life',
  host: ssh('web-1', { configFile: process.env.SSH_CONFIG }),
  build: docker(),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  env: { file: '.env', plain: ['MODE'] },
  health: { headers: { Authorization: 'Basic c2VzYW1lLWhlYWRlcg==' } },
  slots: { blue: { port: 4000, env: { API_KEY: 'sesame-of-blue' } }, green: { port: 5000 } },
})
export const { config, status, envDiff } = tasks
`

let program: Program
let project: Awaited<ReturnType<typeof projectWith>>
let contacted = 0
const server = createServer(() => void contacted++)
beforeAll(async () => {
  program = await buildProgram('index.ts')
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  project = await projectWith({
    'Taskfile.ts': taskfile,
    '.env': 'DATABASE_URL=postgres://life:sesame-of-db@db/life\nMODE=canary\n',
    ssh_config: `Host web-1\n  HostName 127.0.0.1\n  User deploy\n  Port ${port}\n  ProxyJump none\n`,
  })
})
afterAll(async () => {
  server.close()
  await project[Symbol.asyncDispose]()
  await program[Symbol.asyncDispose]()
})

const run = (...args: string[]) =>
  runTask(program, project, args, { env: { SSH_CONFIG: `${project.folder}/ssh_config` } })

it('config shows what the Taskfile and the ssh configuration resolve to, without a secret and without a contact', async () => {
  const { code, stdout, stderr } = await run('config')
  expect([code, stderr]).toEqual([0, ''])
  for (const line of [
    /^ {2}user +deploy$/m,
    /^ {2}address +127\.0\.0\.1$/m,
    /^ {2}API_KEY +\(hidden\)$/m,
    /^ {2}DATABASE_URL +\(hidden\)$/m,
    /^ {2}MODE +canary$/m,
    /^ {2}headers +Authorization \(hidden\)$/m,
    /^ {2}RELEASE_NODE +life_green@127\.0\.0\.1$/m,
  ])
    expect(stdout).toMatch(line)
  expect(stdout).not.toMatch(/sesame|c2VzYW1l/)
  expect(contacted).toBe(0)
})

it('config --json prints the same as data', async () => {
  const { code, stdout } = await run('config', '--json')
  expect(code).toBe(0)
  const { data } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  expect(data).toMatchObject({
    app: 'life',
    hosts: [{ name: 'web-1', endpoint: { user: 'deploy', address: '127.0.0.1', through: [] } }],
    slots: [{ name: 'blue', port: 4000 }, { name: 'green' }],
    runtime: { plugin: 'beam', settings: { stopLimit: 60 } },
    probe: { rate: 40 },
    environment: {
      file: '.env',
      variables: [
        { name: 'DATABASE_URL', secret: true },
        { name: 'MODE', secret: false, value: 'canary' },
      ],
    },
  })
  expect(data.slots[0].variables).toContainEqual({ name: 'API_KEY', secret: true })
  expect(stdout).not.toMatch(/sesame|c2VzYW1l/)
})

it('config works without the environment file and says so, where other commands fail', async () => {
  await using bare = await projectWith({ 'Taskfile.ts': taskfile, ssh_config: 'Host web-1\n  User deploy\n' })
  const env = { SSH_CONFIG: `${bare.folder}/ssh_config` }
  const shown = await runTask(program, bare, ['config'], { env })
  expect([shown.code, shown.stderr]).toEqual([0, ''])
  expect(shown.stdout).toMatch(/^environment +The environment file \S+\.env cannot be read: it does not exist\.$/m)
  const refused = await runTask(program, bare, ['status'], { env })
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('[ENV_FILE_UNREADABLE]')
})

it('config refuses an environment file with a line that it cannot read', async () => {
  await using broken = await projectWith({ 'Taskfile.ts': taskfile, '.env': 'A = 1\n', ssh_config: 'Host web-1\n' })
  const env = { SSH_CONFIG: `${broken.folder}/ssh_config` }
  const { code, stderr } = await runTask(program, broken, ['config'], { env })
  expect(code).toBe(2)
  expect(stderr).toContain('[ENV_LINE_INVALID]')
})

it('config reports an ssh configuration that ssh itself rejects', async () => {
  await using broken = await projectWith({ 'Taskfile.ts': taskfile, '.env': '', ssh_config: 'Nonsense yes\n' })
  const env = { SSH_CONFIG: `${broken.folder}/ssh_config` }
  const { code, stderr } = await runTask(program, broken, ['config'], { env })
  expect(code).not.toBe(0)
  expect(stderr).toContain('[SSH_CONFIG_INVALID]')
})

it('`env diff` and `env push` in two words are refused with the name of the command', async () => {
  for (const word of ['diff', 'push']) {
    const { code, stderr } = await run('env', word)
    expect(code).toBe(2)
    expect(stderr).toContain(`There is no task \`env ${word}\`.`)
    expect(stderr).toContain(`Did you mean \`npx task env-${word}\``)
  }
})
