/** What `init` takes a folder for, and what it makes of it. */
import { execFileSync } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import { planFor } from '../../../init/files.ts'
import { folderAt } from '../../../init/folder.ts'
import type { StackParts } from '../../../init/stack.ts'
import { STACKS, stackOf } from '../../../init/stacks.ts'
import { taskfileText } from '../../../init/taskfile.ts'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import { beam } from '../../../plugins/runtime/beam/beam.ts'
import { git } from '../../../plugins/source/git.ts'
import { project } from '../../../tasks/project.ts'
import { STRANGERS } from '../../support/strangers.ts'
import { projectWith } from '../runner/program.ts'

/** What `init` makes of a folder with these files. */
async function made(files: Readonly<Record<string, string>>, named?: string) {
  await using folder = await projectWith(files)
  const found = stackOf(folderAt(folder.folder), named)
  const parts = found.stack.parts(folderAt(folder.folder), { app: 'shop', site: 'shop.example' })
  return { ...found, parts, name: found.stack.nameIn?.(folderAt(folder.folder)) }
}
const files = (name: string) => STRANGERS[name]?.files ?? expect.fail(name)

describe('the kind of an application', () => {
  it.each(Object.entries(STRANGERS))('is recognized: %s', async (_, { stack, files }) => {
    expect((await made(files)).stack.name).toBe(stack)
  })

  it('is named once for each', () => {
    expect(new Set(STACKS.map(({ name }) => name)).size).toBe(STACKS.length)
    expect(new Set(Object.values(STRANGERS).map(({ stack }) => stack))).toEqual(new Set(STACKS.map(({ name }) => name)))
  })

  it('can be chosen among those that fit, or against all files', async () => {
    const rails = files('Rails, with a package.json for its assets')
    expect(await made(rails)).toMatchObject({ by: 'Gemfile', others: ['node', 'docker'] })
    expect(await made(rails, 'node')).toMatchObject({
      stack: { name: 'node' },
      by: 'package.json',
      others: ['ruby', 'docker'],
    })
    expect(await made(rails, 'go')).toMatchObject({ stack: { name: 'go' }, by: '--stack go' })
  })

  it('is not Node.js because of a package.json that only lists tools', async () => {
    expect((await made({ 'package.json': '{ "private": true, "devDependencies": { "x": "1" } }' })).stack.name).toBe(
      'other',
    )
    expect((await made({ 'package.json': 'not JSON' })).stack.name).toBe('other')
  })
})

describe('an umbrella without a release', () => {
  it('is told to define one', async () => {
    const { parts } = await made({ 'mix.exs': 'defmodule S do\n  def project, do: [apps_path: "apps"]\nend\n' })
    expect(parts.notes).toContainEqual(expect.stringMatching(/^An umbrella project defines its release itself/))
  })
})

describe('the parts of an application', () => {
  it.each<[string, Partial<Record<keyof StackParts, unknown>>]>([
    [
      'Phoenix, built on this machine',
      { build: expect.stringContaining('mix assets.setup && mix assets.deploy && mix release') },
    ],
    [
      'Phoenix, built on this machine',
      { notes: expect.arrayContaining([expect.stringContaining('mix phx.gen.release` writes the module')]) },
    ],
    ['Phoenix, built on this machine', { healthHeaders: { 'X-Forwarded-Proto': 'https' } }],
    [
      'Phoenix, with the Dockerfile of its generator',
      {
        build: "git({ build: docker({ target: 'builder', artifact: '/app/_build/prod/rel/shop' }) })",
        runtime: 'beam()',
        notes: [],
      },
    ],
    [
      'Phoenix as an umbrella',
      {
        build: expect.stringContaining('(cd apps/store_web && mix assets.setup && mix assets.deploy) && mix release'),
        runtime: "beam({ release: 'store', migrate: 'Store.Release.migrate()' })",
        env: expect.arrayContaining([expect.objectContaining({ name: 'DATABASE_URL' })]),
        tasks: ['migrate', 'console', 'rpc'],
        notes: [expect.stringMatching(/^This machine builds/)],
      },
    ],
    ['Elixir without Phoenix', { runtime: "beam({ release: 'clock' })", env: [] }],
    ['Node.js with a start script', { runtime: "service({ start: 'node server.js' })" }],
    ['Node.js with a start script', { build: "git({ build: command({ run: 'npm ci --omit=dev', artifact: '.' }) })" }],
    [
      'Node.js with a build, migrations, pnpm and a tsconfig of its own',
      { build: expect.stringContaining('pnpm install --frozen-lockfile && pnpm run build && pnpm prune --prod') },
    ],
    [
      'Node.js with a build, migrations, pnpm and a tsconfig of its own',
      {
        runtime: expect.stringContaining('env PATH="$PWD/node_modules/.bin:$PATH" NODE_ENV=production tsx src/main.ts'),
      },
    ],
    [
      'Rails, with a package.json for its assets',
      { runtime: expect.stringContaining('bundle exec puma --bind tcp://127.0.0.1:$PORT') },
    ],
    [
      'Rails, with a package.json for its assets',
      { options: ["shared: ['log', 'storage', 'tmp']"], healthHeaders: expect.anything() },
    ],
    ['Sinatra under Rack', { runtime: expect.stringContaining('bundle exec rackup --host 127.0.0.1 --port $PORT') }],
    ['Django', { runtime: expect.stringContaining('-m gunicorn --bind 127.0.0.1:$PORT library.wsgi') }],
    [
      'Django',
      {
        build: expect.stringContaining(
          '--target vendor -r requirements.txt && env PYTHONPATH=vendor python3 manage.py collectstatic',
        ),
      },
    ],
    [
      'FastAPI with uv',
      {
        build: expect.stringContaining('uv export'),
        runtime: expect.stringContaining('-m uvicorn --host 127.0.0.1 --port $PORT --proxy-headers main:app'),
      },
    ],
    ['Go', { build: expect.stringContaining('-o build/shop ./cmd/links'), runtime: "service({ start: './shop' })" }],
    [
      'Laravel',
      { runtime: expect.stringContaining("php({\n  version: '8.2',\n  migrate: 'php artisan migrate --force'") },
    ],
    ['Laravel', { notes: expect.arrayContaining([expect.stringContaining('8.4 on Debian 13')]) }],
    ['PHP with Octane', { runtime: expect.stringContaining('php artisan octane:start --host=127.0.0.1 --port=$PORT') }],
    [
      'a Dockerfile alone',
      {
        build: 'git({ build: image() })',
        runtime: 'container()',
      },
    ],
    ['a Dockerfile alone', { notes: expect.arrayContaining([expect.stringContaining('needs Docker')]) }],
    ['a static site', { build: expect.stringContaining('rm -rf Taskfile.ts '), runtime: 'files()' }],
    ['Elixir without Phoenix', { packages: ['openssl', 'libncurses6', 'libstdc++6'] }],
    ['Node.js with a start script', { packages: ['nodejs'] }],
    ['Sinatra without a Gemfile', { build: 'git()', packages: ['puma', 'ruby-sinatra'] }],
    ['Sinatra under Rack', { packages: ['ruby', 'ruby-bundler'] }],
    ['Django', { packages: ['python3'] }],
    ['PHP with Octane', { packages: expect.arrayContaining(['php-cli']) }],
    ['an empty folder', { runtime: "service({ start: 'bin/server' })", env: [] }],
  ])('of %s: %j', async (name, expected) => {
    expect(await made(files(name))).toMatchObject({ parts: expected })
  })

  it('have an environment unless it is only files, and tasks of their own only if something runs them', async () => {
    expect((await made(files('a static site'))).parts).not.toHaveProperty('env')
    expect((await made(files('Sinatra under Rack'))).parts).not.toHaveProperty('tasks')
  })

  it('say what a server of Node.js is started with if nothing names it', async () => {
    const start = async (more: Readonly<Record<string, string>>, manifest: object = {}) =>
      (await made({ 'package.json': JSON.stringify({ name: 'x', ...manifest }), ...more })).parts
    expect((await start({ 'app.js': '' })).runtime).toBe("service({ start: 'node app.js' })")
    expect((await start({ 'lib.js': '' }, { main: 'lib.js' })).runtime).toBe("service({ start: 'node lib.js' })")
    expect(await start({})).toMatchObject({
      runtime: "service({ start: 'node server.js' })",
      notes: expect.arrayContaining([expect.stringContaining('no start script')]),
    })
    const scripted = (line: string, more = {}) => start(more, { scripts: { start: line } })
    expect((await scripted('npm run build && node x.js')).runtime).toBe("service({ start: 'npm run start' })")
    expect((await scripted('next start', { 'bun.lock': '' })).runtime).toBe("service({ start: 'bun run start' })")
  })
})

describe('Node.js', () => {
  it('in a workspace has the package manager of its root, and a release that lacks what that installs', async () => {
    await using root = await projectWith({
      'pnpm-workspace.yaml': '',
      'pnpm-lock.yaml': '',
      'apps/web/package.json': '{"name":"web","scripts":{"start":"node s.js"}}',
      'apps/api/package.json': '{"name":"api"}',
      'apps/api/package-lock.json': '{}',
    })
    const parts = (name: string) => {
      const folder = folderAt(join(root.folder, name))
      return stackOf(folder, undefined).stack.parts(folder, { app: 'web', site: 'a.example' })
    }
    const note = expect.stringContaining('The workspace installs packages in ../..,')
    expect(parts('apps/web')).toMatchObject({
      build: expect.stringContaining('pnpm install'),
      notes: expect.arrayContaining([note]),
    })
    expect(parts('apps/api')).toMatchObject({ build: expect.stringContaining('npm ci') })
    expect(parts('apps/api').notes).not.toContainEqual(note)
  })

  it('with Bun needs no Node.js on its host, and is told that Debian has no Bun', async () => {
    const { parts } = await made({ 'package.json': '{"scripts":{"start":"bun s.ts"}}', 'bun.lock': '' })
    expect(parts).not.toHaveProperty('packages')
    expect(parts.notes).toContainEqual(expect.stringContaining('The host needs Bun'))
  })
})

describe('a static site', () => {
  const textOf = async (files: Readonly<Record<string, string>>) => {
    const { stack, parts } = await made(files)
    return taskfileText('x', stack, parts, { app: 'a', host: 'h', site: 's', ports: [4000, 5000], router: 'nginx' })
  }

  it('at the top of its repository publishes nothing of what `init` writes there', async () => {
    const run = /rm -rf ([^']+)'/.exec(await textOf({ 'index.html': '' }))?.[1] ?? ''
    await using site = await projectWith({ 'index.html': '', 'style.css': '', '.well-known/security.txt': '' })
    const { files } = planFor(folderAt(site.folder), {
      ...{ from: 'x', repository: 'here', ci: 'gitlab' },
      ...(await made({ 'index.html': '' })),
      answers: { app: 'a', host: 'h', site: 's', ports: [4000, 5000], router: 'nginx' },
    })
    for (const path of [...files.map(({ path }) => path), 'package-lock.json', '.github', '.git'])
      await writeFile(join(site.folder, path), '')
    execFileSync('bash', ['-c', `rm -rf ${run}`], { cwd: site.folder })
    expect((await readdir(site.folder)).sort()).toEqual(['.git', '.well-known', 'index.html', 'style.css'])
  })

  it('has the health page of its server, with the version', async () => {
    expect(await textOf({ 'index.html': '' })).not.toContain('health:')
    expect(await textOf({ 'public/index.html': '' })).toMatch(/git\(\{ path: 'public' \}\)/)
    expect(await textOf({ 'go.mod': 'module a' })).toContain('health:')
  })
})

it('the Taskfile exports every standard task but the single steps of a deploy, and what only several hosts need', async () => {
  const all = project({
    app: 'shop',
    host: local(),
    build: git(),
    runtime: beam(),
    router: nginx({ site: 'shop.example' }),
    slots: { blue: { port: 4000 }, green: { port: 5000 } },
  })
  const left = ['catchUp', 'build', 'preflight', 'upload', 'detectLive', 'stopIdle', 'startIdle', 'checkIdle']
  const answers = { app: 'shop', host: 'h', site: 'shop.example', ports: [4000, 5000], router: 'nginx' } as const
  const { stack, parts } = await made(files('Phoenix, built on this machine'))
  const source = taskfileText('x', stack, parts, answers)
  const exported = [...source.matchAll(/^export const \{ (.*) \} = tasks$/gm)].flatMap(([, names = '']) =>
    names.split(', '),
  )
  expect(exported.sort()).toEqual(
    Object.keys(all.tasks)
      .filter(name => !left.includes(name))
      .sort(),
  )
})
