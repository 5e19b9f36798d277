/** Hooks and notifications with whole programs: a hook refuses a deploy before anything is contacted, and a chat is told how it ended. */
import { once } from 'node:events'
import { chmod, stat } from 'node:fs/promises'
import { createServer as createHttp } from 'node:http'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { buildProgram, type Program, type Project, projectWith, runTask } from './runner/program.ts'

const TASKFILE = `
import { beam, command, env, nginx, project, slack, ssh } from 'switchyard-deploy'
const { tasks, flow, task } = project({
  app: 'life',
  host: ssh('web-1', { configFile: env.SSH_CONFIG }),
  build: command({ run: 'touch built && echo postgres://life:sesame-of-db@db && exit 3', artifact: 'out', version: '0.1.1' }),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  env: '.env',
  notify: [slack({ url: env.SLACK_URL })],
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { deploy, build } = tasks
export const ship = flow('Ship it', [task('Look', { run: ({ note }) => note(env.SLACK_URL) }), tasks.deploy])
`

let program: Program
let project: Project
let contacted = 0
const host = createServer(() => void contacted++)
const messages: string[] = []
let answer = 200
const chat = createHttp(async (request, response) => {
  messages.push(JSON.parse(await text(request)).text)
  if (answer > 0) response.writeHead(answer).end()
})
const portOf = (server: { address(): unknown }) => (server.address() as { port: number }).port

beforeAll(async () => {
  program = await buildProgram('index.ts')
  host.listen(0, '127.0.0.1')
  chat.listen(0, '127.0.0.1')
  await Promise.all([once(host, 'listening'), once(chat, 'listening')])
  project = await projectWith({
    'Taskfile.ts': TASKFILE,
    '.env': 'DATABASE_URL=postgres://life:sesame-of-db@db\n',
    '.task/hooks/pre-build': '#!/bin/sh\necho "$TASK_COMMAND of $TASK_APP is not allowed today" >&2\nexit 1\n',
    ssh_config: `Host web-1\n  HostName 127.0.0.1\n  User deploy\n  Port ${portOf(host)}\n  ProxyJump none\n`,
  })
  await chmod(`${project.folder}/.task/hooks/pre-build`, 0o755)
})
afterAll(async () => {
  host.close()
  chat.closeAllConnections()
  chat.close()
  await project[Symbol.asyncDispose]()
  await program[Symbol.asyncDispose]()
})
beforeEach(() => {
  messages.length = 0
  answer = 200
})

const run = (...args: string[]) =>
  runTask(program, project, args, {
    env: {
      SSH_CONFIG: `${project.folder}/ssh_config`,
      SLACK_URL: `http://127.0.0.1:${portOf(chat)}/services/sesame-of-slack`,
      USER: 'ann',
    },
  })

it('a pre-build hook that fails stops a deploy before it builds or contacts anything, and the chat is told', async () => {
  const { code, stderr, stdout } = await run('deploy')
  expect(code).toBe(1)
  expect(stderr).toContain('[HOOK_FILE_FAILED]')
  expect(stderr).toContain('deploy of life is not allowed today')
  await expect(stat(`${project.folder}/built`)).rejects.toThrow('ENOENT')
  expect(contacted).toBe(0)
  expect(messages).toEqual([
    expect.stringMatching(
      /^The deploy of life on web-1 failed, by ann@\S+, \d+ s: The hook \.task\/hooks\/pre-build exited with 1\. \[HOOK_FILE_FAILED\]$/,
    ),
  ])
  expect(stdout + stderr).not.toContain('sesame')
})

it('--skip-hooks builds, and the message about the failed build has no secret', async () => {
  const { code, stderr, stdout } = await run('deploy', '--skip-hooks')
  expect(code).not.toBe(0)
  expect((await stat(`${project.folder}/built`)).isFile()).toBe(true)
  expect(messages).toEqual([expect.stringContaining('The deploy of life on web-1 failed')])
  expect(messages.join()).not.toContain('sesame')
  expect(stdout + stderr).not.toContain('sesame')
})

it('a flow that contains a deploy is told of too, and the URL of the chat is redacted', async () => {
  const { code, stdout, stderr } = await run('ship')
  expect(code).toBe(1)
  expect(messages).toHaveLength(1)
  expect(stdout + stderr).not.toContain('sesame-of-slack')
})

it('a chat that refuses the message is a warning, and a build alone and a dry run tell nobody', async () => {
  answer = 500
  const { code, stdout } = await run('deploy')
  expect(code).toBe(1)
  expect(stdout).toContain('warning: the notification by slack was not sent: the answer was status 500.')
  messages.length = 0
  await run('build')
  await run('deploy', '--dry-run')
  expect(messages).toEqual([])
})
