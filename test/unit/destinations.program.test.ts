/** Destinations with whole programs: which one a command is run for, what it may change, and what names it. */
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildProgram, type Program, projectWith, runTask, startInTerminal } from './runner/program.ts'

const taskfile = (more = '', production = '') => `
import { beam, docker, nginx, project, ssh } from 'switchyard-deploy'
const at = name => ssh(name, { configFile: process.env.SSH_CONFIG })
const { tasks, task } = project({
  app: 'life',
  build: docker(),
  runtime: beam(),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
  destinations: {
    staging: { host: at('stage-1'), router: nginx({ site: 'staging.life.example' }), env: '.env.staging' },
    production: { host: at('web-1'), router: nginx({ site: 'life.example' }), env: '.env.production', ${production} },
  },
  ${more}
})
export const { config, status, promote } = tasks
export const touch = task('Change something', { changes: true, run: ({ destination, note }) => note(\`changed \${destination}\`) })
export const look = task('Look at something', { run: ({ destination, show }) => show(\`\${destination}: npx task promote green\`) })
export const leak = task('Print the files', { run: ({ show }) => show('sesame-of-staging sesame-of-production') })
`

let program: Program
let port: number
let contacted = 0
const server = createServer(() => void contacted++)
beforeAll(async () => {
  program = await buildProgram('index.ts')
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as { port: number }).port
})
afterAll(async () => {
  server.close()
  await program[Symbol.asyncDispose]()
})

const projectOf = async (text: string) => {
  const project = await projectWith({
    'Taskfile.ts': text,
    '.env.staging': 'SECRET=sesame-of-staging\n',
    '.env.production': 'SECRET=sesame-of-production\n',
    ssh_config: `Host stage-1 web-1\n  HostName 127.0.0.1\n  User deploy\n  Port ${port}\n  ProxyJump none\n`,
  })
  const env = { SSH_CONFIG: `${project.folder}/ssh_config` }
  const run = (args: readonly string[], more: Record<string, string> = {}) =>
    runTask(program, project, args, { env: { ...env, ...more } })
  return { ...project, run, terminal: (args: readonly string[]) => startInTerminal(program, project, args, env) }
}

it('without a default a command needs -d: it names the destinations and contacts nothing', async () => {
  await using project = await projectOf(taskfile())
  const { code, stderr } = await project.run(['status'])
  expect(code).toBe(2)
  expect(stderr).toContain('[DESTINATION_MISSING]')
  expect(stderr).toContain('`status` needs a destination: staging or production.')
  expect(contacted).toBe(0)
})

it('help and the list of commands need no destination, and show its flags', async () => {
  await using project = await projectOf(taskfile())
  for (const args of [[], ['status', '--help']]) {
    const { code, stdout } = await project.run(args)
    expect(code).toBe(0)
    expect(stdout).toContain('-d, --destination <name>')
    expect(stdout).toContain('-y, --yes')
  }
})

it.each([
  ['-d', ['-d', 'staging']],
  ['--destination before the command', ['--destination=staging']],
])('%s chooses the options of that destination', async (_, flags) => {
  await using project = await projectOf(taskfile())
  const { code, stdout } = await project.run([...flags, 'config', '--json'])
  expect(code).toBe(0)
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  expect(result).toMatchObject({ type: 'result', destination: 'staging' })
  expect(result.data).toMatchObject({
    app: 'life',
    destination: 'staging',
    hosts: [{ name: 'stage-1' }],
    router: { settings: { site: 'staging.life.example' } },
    environment: { file: '.env.staging' },
  })
  expect(stdout).not.toContain('sesame')
})

it('TASK_DESTINATION chooses one, and a flag comes before it', async () => {
  await using project = await projectOf(taskfile())
  const ci = { TASK_DESTINATION: 'production' }
  expect((await project.run(['config'], ci)).stdout).toMatch(/^destination +production$/m)
  expect((await project.run(['config', '-d', 'staging'], ci)).stdout).toMatch(/^destination +staging$/m)
})

it('the default is used without a flag', async () => {
  await using project = await projectOf(taskfile(`default: 'staging',`))
  expect((await project.run(['config'])).stdout).toMatch(/^destination +staging$/m)
})

it.each([
  ['an unknown name', ['config', '-d', 'prodction'], 'DESTINATION_UNKNOWN', 'Did you mean `production`?'],
  ['two names', ['config', '-d', 'staging', '-d', 'production'], 'DESTINATION_TWICE', 'Give it once.'],
  ['no name', ['config', '-d'], 'FLAG_WITHOUT_VALUE', 'Write --destination <name>'],
  ['another flag as the name', ['config', '-d', '--verbose'], 'FLAG_WITHOUT_VALUE', 'looks like another flag'],
])('-d with %s is refused with exit code 2', async (_, args, fault, text) => {
  await using project = await projectOf(taskfile())
  const { code, stderr } = await project.run(args)
  expect(code).toBe(2)
  expect(stderr).toContain(`[${fault}]`)
  expect(stderr).toContain(text)
})

it('a Taskfile without destinations refuses -d and TASK_DESTINATION, and offers no such flag', async () => {
  await using project = await projectOf(`
import { beam, docker, nginx, project, ssh } from 'switchyard-deploy'
export const { config } = project({
  app: 'life', host: ssh('web-1'), build: docker(), runtime: beam(), router: nginx({ site: 'life.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
}).tasks`)
  for (const ended of [
    await project.run(['config', '-d', 'staging']),
    await project.run(['config'], { TASK_DESTINATION: 'staging' }),
  ]) {
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('[DESTINATIONS_NONE]')
  }
  expect((await project.run(['config', '--help'])).stdout).not.toContain('--destination')
})

it.each([
  ['the name', '', "Give one a name of its own: `app: 'life_staging'`"],
  ['the folder', `app: 'life_two', root: '/srv/life',`, 'Give one another `root`'],
  ['a port', `app: 'life_two',`, 'Give one other ports in its `slots`'],
])('two destinations on one host that share %s are refused', async (_, more, hint) => {
  await using project = await projectOf(
    taskfile('', `${more} host: at('root@stage-1'),`).replace(/host: at\('web-1'\), /, ''),
  )
  const { code, stderr } = await project.run(['config', '-d', 'staging'])
  expect(code).toBe(2)
  expect(stderr).toContain('[DESTINATIONS_CLASH]')
  expect(stderr).toContain(hint)
  expect(stderr).toContain('Taskfile.ts:11:')
})

it('two destinations on one host with a name and ports of their own are accepted', async () => {
  const own = `app: 'life_two', slots: { blue: { port: 4100 }, green: { port: 5100 } }, host: at('stage-1'),`
  await using project = await projectOf(taskfile('', own).replace(/host: at\('web-1'\), /, ''))
  const { code, stdout } = await project.run(['config', '-d', 'production'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^folder +\/srv\/life_two$/m)
})

it.each([
  [
    'lacks an option',
    taskfile().replace(/host: at\('web-1'\), /, ''),
    'OPTION_MISSING',
    'The destination `production` needs `host`',
  ],
  ['has an unknown option', taskfile('', 'rooter: 1'), 'OPTION_UNKNOWN', 'no option `destinations.production.rooter`'],
  ['has a wrong option', taskfile('', `confirm: 'yes'`), 'OPTION_INVALID', '`destinations.production.confirm`'],
  ['has an invalid name', taskfile().replace('staging:', `'Stage 1':`), 'NAME_INVALID', 'Stage 1'],
  ['is not the default that is named', taskfile(`default: 'stage',`), 'OPTION_INVALID', '"staging" or "production"'],
])('a destination that %s is refused before anything is contacted', async (_, text, fault, message) => {
  await using project = await projectOf(text)
  const { code, stderr } = await project.run(['status', '-d', 'staging'])
  expect(code).toBe(2)
  expect(stderr).toContain(`[${fault}]`)
  expect(stderr).toContain(message)
  expect(contacted).toBe(0)
})

it('production needs --yes without a terminal, for a command that changes something and in no dry run', async () => {
  await using project = await projectOf(taskfile())
  const refused = await project.run(['touch', '-d', 'production'])
  expect(refused.code).toBe(3)
  expect(refused.stderr).toContain('[DESTINATION_NOT_CONFIRMED]')
  expect(refused.stderr).toContain('`touch` would change production (web-1)')
  expect(refused.stdout).not.toContain('changed')
  expect((await project.run(['promote', 'green', '-d', 'production'])).code).toBe(3)
  expect(contacted).toBe(0)
  for (const args of [
    ['touch', '-d', 'production', '--yes'],
    ['touch', '-d', 'production', '--dry-run'],
    ['touch', '-d', 'staging'],
    ['look', '-d', 'production'],
  ])
    expect((await project.run(args)).code).toBe(0)
})

it('confirm: decides whether a destination asks, whatever its name is', async () => {
  await using calm = await projectOf(taskfile('', 'confirm: false,'))
  expect((await calm.run(['touch', '-d', 'production'])).code).toBe(0)
  await using strict = await projectOf(taskfile().replace(`env: '.env.staging'`, `env: '.env.staging', confirm: true`))
  expect((await strict.run(['touch', '-d', 'staging'])).code).toBe(3)
})

it.each([
  ['y', 0, 'changed production'],
  ['n', 3, 'DESTINATION_NOT_CONFIRMED'],
])('in a terminal production asks, and the answer %s decides', async (answer, exit, text) => {
  await using project = await projectOf(taskfile())
  const running = project.terminal(['touch', '-d', 'production'])
  await running.printed('changes production (web-1). Continue? [y/N]')
  running.child.stdin?.write(`${answer}\r`)
  const { code, stdout } = await running.ended
  expect(stdout).toContain(text)
  expect(code).toBe(exit)
})

it('commands in messages have the destination that was given, and none that the environment gives', async () => {
  await using project = await projectOf(taskfile())
  expect((await project.run(['look', '-d', 'staging'])).stdout).toContain('staging: npx task -d staging promote green')
  const ci = await project.run(['look'], { TASK_DESTINATION: 'staging' })
  expect(ci.stdout).toContain('staging: npx task promote green')
})

it('Tab completes the flag and the names of the destinations', async () => {
  await using project = await projectOf(taskfile())
  const words = async (...typed: string[]) =>
    (await project.run(['completion', '--', ...typed])).stdout.split('\n').map(line => line.split('\t')[0])
  expect(await words('status', '--')).toContain('--destination')
  expect(await words('status', '-d', '')).toEqual(['staging', 'production', ''])
  expect(await words('-d', '')).toEqual(['staging', 'production', ''])
  expect(await words('status', '--destination=')).toEqual(['--destination=staging', '--destination=production', ''])
})

it('the secrets of all destinations are redacted, because a task may print their files', async () => {
  await using project = await projectOf(taskfile())
  const { stdout } = await project.run(['leak', '-d', 'staging'])
  expect(stdout).toContain('[hidden] [hidden]')
})
