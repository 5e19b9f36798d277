/** The first ten minutes: from an application in git and a server on which only root can log in to a site that answers, with the commands of the README. */

import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { findProgram } from '../../dev/install.ts'
import { HOME } from '../../dev/paths.ts'
import { normal, shownOn } from '../support/documented.ts'

const run = promisify(execFile)

interface Stack {
  readonly files: Readonly<Record<string, string>>
  /** What the site answers. */
  readonly answer: string
  /** What this machine needs for the build: a Debian package, and its program. */
  readonly builder?: readonly [string, string]
  /** What is in the repository, and none of the public's business. */
  readonly hidden?: readonly string[]
  /** What its author changes in the Taskfile. */
  readonly edit?: (taskfile: string) => string
}

const STACKS: Readonly<Record<string, Stack>> = {
  'Node.js': {
    files: {
      'package.json': '{ "name": "shop", "version": "1.0.0", "scripts": { "start": "node server.js" } }',
      'server.js':
        "require('node:http').createServer((_, to) => to.end('hello of Node.js')).listen(process.env.PORT, '127.0.0.1')\n",
    },
    answer: 'hello of Node.js',
  },
  Flask: {
    // No index of Python packages can be reached where this runs, so Flask is that of the distribution.
    files: {
      'requirements.txt': '# flask and gunicorn are packages of the host\n',
      'app.py':
        "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/')\ndef home():\n    return 'hello of Flask'\n",
    },
    answer: 'hello of Flask',
    builder: ['python3-pip', 'pip3'],
    edit: text => text.replace("packages: ['python3']", "packages: ['python3-flask', 'gunicorn']"),
  },
  Sinatra: {
    files: {
      'config.ru':
        "require 'sinatra/base'\nclass Shop < Sinatra::Base\n  get('/') { 'hello of Sinatra' }\nend\nrun Shop\n",
    },
    answer: 'hello of Sinatra',
  },
  Go: {
    files: {
      'go.mod': 'module example.com/shop\n\ngo 1.19\n',
      'main.go': `package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(to http.ResponseWriter, _ *http.Request) { io.WriteString(to, "hello of Go") })
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil); err != nil {
		panic(err)
	}
}
`,
    },
    answer: 'hello of Go',
    builder: ['golang-go', 'go'],
  },
  'a static site': {
    files: { 'index.html': 'hello of nobody' },
    answer: 'hello of nobody',
    hidden: ['Taskfile.ts', 'package.json', 'tsconfig.json', '.gitignore', '.github/workflows/deploy.yml'],
  },
}

let base: string
let tarball: string
let commands: readonly string[]
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'switchyard-minutes-'))
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', base], { cwd: HOME })
  tarball = join(base, JSON.parse(stdout)[0].filename)
  commands = commandsOf(await readFile(join(HOME, 'README.md'), 'utf8'))
})
afterAll(() => rm(base, { recursive: true, force: true }))

/** The commands of the quick start, without the comments behind them. */
const commandsOf = (text: string): readonly string[] => {
  const [block = ''] = /(?<=\n\n)(?: {4}.*\n)* {4}npx switchyard-deploy@latest init.*\n(?: {4}.*\n)+/.exec(text) ?? []
  return block
    .trimEnd()
    .split('\n')
    .map(line => line.trim().replace(/ +# .*$/, ''))
}

it('the README has at most six commands, which the quick start has as well', async () => {
  expect(commands.length).toBeGreaterThan(3)
  expect(commands.length).toBeLessThanOrEqual(6)
  expect(commandsOf(await readFile(join(HOME, 'docs/quick-start.md'), 'utf8'))).toEqual(commands)
})

const BOOTSTRAP = 'bootstrap root@203.0.113.7'
/** The output in docs/commands.md, which is that of the Node.js application. */
const { output: bootstrapped } =
  shownOn('commands.md').find(({ command }) => command === BOOTSTRAP) ?? expect.fail(BOOTSTRAP)

/** Masks the key. */
const keyless = (output: string): string => output.replace(/(?<=ssh-ed25519 ).*/, '#')

/** Nobody types an answer here, and the package is not published. */
const unattended = (command: string): string =>
  command
    .replace(/^npx switchyard-deploy@latest init(.*)$/, `npx --yes file:${tarball} init$1 --yes --package ${tarball}`)
    .replace(/^npx task bootstrap.*$/, '$& --yes')

const PROGRAM = `#!/bin/sh
exec /usr/bin/ssh -F "$SSH_CONFIG" "$@"
`

/** A person's machine: the server's address, and the key that its provider has given to root, are known to ssh. */
async function person(folder: string, host: TestHost): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'ssh'), PROGRAM)
  await chmod(join(bin, 'ssh'), 0o755)
  const config = await readFile(host.sshConfigFile, 'utf8')
  const own = config.replace(`Host ${host.alias}`, 'Host 203.0.113.7').replace(/^ +User .*\n/m, '')
  await writeFile(join(folder, 'ssh_config'), own)
  return {
    ...process.env,
    CI: '1',
    PATH: [bin, process.env.PATH].join(delimiter),
    SSH_CONFIG: join(folder, 'ssh_config'),
    npm_config_loglevel: 'error',
    npm_config_prefer_offline: 'true',
    ...{ GIT_AUTHOR_NAME: 'me', GIT_AUTHOR_EMAIL: 'me@desk', GIT_COMMITTER_NAME: 'me', GIT_COMMITTER_EMAIL: 'me@desk' },
    ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'commit.gpgsign', GIT_CONFIG_VALUE_0: 'false' },
  }
}

it.each(Object.entries(STACKS))(
  '%s is served by a bare server after these commands, within ten minutes',
  { timeout: 600_000 },
  async (name, { files, answer, hidden = [], builder, edit }) => {
    if (builder) expect(await findProgram(...builder)).not.toHaveProperty('missing')
    const folder = await mkdtemp(join(base, 'person-'))
    await using host = await startHost({ bare: true })
    const env = await person(folder, host)
    const project = join(folder, 'shop')
    await mkdir(project)
    for (const [path, text] of Object.entries(files)) await writeFile(join(project, path), text)
    const ends = (command: string) =>
      run('bash', ['-c', command], { cwd: project, env, maxBuffer: 1 << 24 }).catch(
        (error: { stdout: string; stderr: string }) =>
          expect.fail(`${name}: ${command}\n${error.stdout}${error.stderr}`),
      )
    await ends('git init -q && git add --all && git commit -qm "The application"')

    for (const command of commands) {
      const { stdout } = await ends(unattended(command))
      if (command.includes(' bootstrap ') && name === 'Node.js')
        expect(normal(keyless(stdout)).trimEnd()).toBe(normal(keyless(bootstrapped)))
      if (!command.includes(' init ')) continue
      expect(stdout).toMatch(/Next:\n {4}npx task bootstrap root@203\.0\.113\.7\n/)
      const taskfile = join(project, 'Taskfile.ts')
      if (edit) await writeFile(taskfile, edit(await readFile(taskfile, 'utf8')))
    }
    const site = await host.exec("curl -s --max-time 5 -H 'Host: shop.example' http://127.0.0.1/")
    expect(site.stdout).toBe(answer)
    const status = `curl -s --max-time 5 -o /dev/null -w '%{http_code}' -H 'Host: shop.example' http://127.0.0.1`
    for (const path of hidden) expect.soft((await host.exec(`${status}/${path}`)).stdout, path).toBe('404')
  },
)
