/** The applications of examples/ that Debian packages or one binary can run: all on one host, behind one nginx, deployed under load. */
import { createHash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { inTerminal, typeInto } from '../../dev/console.ts'
import { copyExample, EXAMPLES, type Example, installCommand, setVersion } from '../../dev/examples.ts'
import { startHost, type TestHost } from '../../dev/host.ts'
import { findProgram } from '../../dev/install.ts'
import { failuresIn, type Load, startLoad } from '../../dev/load.ts'
import { TASK } from '../../dev/paths.ts'
import { runTask } from '../../dev/site.ts'
import { exits } from '../support/ended.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

/** What a user stores, and a migration of the second version. */
interface Story {
  readonly app: string
  /** A path, and how curl stores something there. */
  readonly seed: readonly [path: string, options: string]
  /**
   * The path that shows it.
   *
   * @default '/'
   */
  readonly shows?: string
  /** The body of that from then on. */
  readonly page: unknown
  readonly migration?: {
    readonly file: string
    /** @default 'app/migrations' */
    readonly folder?: string
    readonly text: string
    /** What a run of it prints. @default the name of the file, and `...` */
    readonly says?: string
  }
  readonly migrated: string
  readonly console?: string
  readonly port: number
}

const STORIES: Readonly<Record<string, Story>> = {
  python: {
    app: 'notes',
    seed: ['/notes', "-d 'it stays'"],
    shows: '/notes',
    page: { notes: ['it stays'] },
    migration: {
      file: '0002_done.py',
      folder: 'app/notes/migrations',
      text: `from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notes", "0001_notes")]
    operations = [migrations.RunSQL("ALTER TABLE notes_note ADD COLUMN done INTEGER NOT NULL DEFAULT 0")]
`,
      says: 'Applying notes.0002_done... OK',
    },
    migrated: 'Apply all migrations: notes',
    console: 'version 0.2.0',
    port: 4400,
  },
  node: {
    app: 'files',
    seed: ['/files/a.txt', "-X PUT -d 'it stays'"],
    page: { files: ['a.txt'] },
    migration: {
      file: '002_read_only.js',
      text: `import { chmod, readdir } from 'node:fs/promises'
export const up = async uploads => {
  for (const name of await readdir(uploads + 'files')) await chmod(uploads + 'files/' + name, 0o440)
}`,
    },
    migrated: 'The uploads are up to date.',
    console: "[ 'a.txt' ]",
    port: 4100,
  },
  go: {
    app: 'links',
    seed: ['/debian', '-X PUT -d https://www.debian.org/'],
    page: { links: ['debian'] },
    migrated: 'The links are up to date.',
    port: 4200,
  },
  ruby: {
    app: 'guests',
    seed: ['/guests', "-d 'it stays'"],
    page: { guests: ['it stays'] },
    migration: { file: '002_seen.rb', text: 'Book::FILE[:entries].each { |entry| entry[:seen] = false }' },
    migrated: 'The guest book is up to date.',
    console: '["it stays"]',
    port: 4300,
  },
  php: {
    app: 'recipes',
    seed: ['/recipes', "-d 'it stays'"],
    page: { recipes: ['it stays'] },
    migration: { file: '002_rating.sql', text: 'ALTER TABLE recipes ADD COLUMN rating INTEGER' },
    migrated: 'The database is up to date.',
    console: '["it stays"]',
    port: 4700,
  },
}

/** A deployed example. */
interface Deployed {
  readonly example: Example
  readonly story: Story
  readonly folder: string
}
const names = Object.keys(STORIES)
const deployed = new Map<string, Deployed>()
const get = (name: string): Deployed => deployed.get(name) ?? expect.fail(`${name} is not deployed`)

/** The examples that this machine cannot build, with the reason. */
const unbuildable = new Map<string, string>()
for (const { name, builder } of EXAMPLES) {
  const found = builder && names.includes(name) && (await findProgram(builder.package, builder.program))
  if (found && 'missing' in found) unbuildable.set(name, found.missing)
}

let host: TestHost
const loads = new Set<Load>()

beforeAll(async () => {
  host = await startHost()
  const examples = EXAMPLES.filter(({ name }) => names.includes(name) && !unbuildable.has(name))
  await asRoot(installCommand(examples.flatMap(({ packages }) => packages)))
  // As on a host with several sites: unknown host names belong to none of them.
  await asRoot(
    `echo 'server { listen 80 default_server; listen [::]:80 default_server; return 404; }' > /etc/nginx/sites-enabled/default
${RELOAD_NGINX}`,
  )
  for (const example of examples) {
    const story = STORIES[example.name] ?? expect.fail(`no story of ${example.name}`)
    deployed.set(example.name, { example, story, folder: await copyExample(example) })
    await task(example.name, 'setup')
  }
  await Promise.all(
    [...deployed.keys()].map(async name => {
      await task(name, 'deploy')
      await task(name, 'migrate')
      await task(name, 'promote', 'blue')
      await curl(name, ...get(name).story.seed)
    }),
  )
})
afterAll(async () => {
  for (const load of loads) await load[Symbol.asyncDispose]()
  await host?.stop()
  for (const { folder } of deployed.values()) await rm(folder, { recursive: true, force: true })
})

async function asRoot(command: string): Promise<string> {
  const { code, stdout, stderr } = await host.exec(`set -e\n${command}`)
  expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
  return stdout
}

const environment = () => ({ ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile })

const task = (name: string, ...args: string[]) => exits(0, runTask(get(name).folder, environment(), args).ended)

/** A request to the site, with arguments of curl. */
const curl = (name: string, path: string, options = '') =>
  asRoot(`curl -sSf -H 'Host: ${get(name).example.site}' ${options} http://127.0.0.1${path}`)
const page = async (name: string, path = get(name).story.shows ?? '/') => JSON.parse(await curl(name, path))

async function loadOn(name: string): Promise<Load> {
  const { site, clients, versionHeader } = get(name).example
  const load = await startLoad({
    url: `http://127.0.0.1:${host.httpPort}`,
    host: site,
    clients,
    headers: [versionHeader],
    maxSeconds: 300,
  })
  loads.add(load)
  return load
}

/** Those of a group are deployed at the same moment. */
const GROUPS = [['python', 'node'], ['go', 'ruby'], ['php']].map(group => ({ group, title: group.join(' and ') }))

it.for(GROUPS)(
  'the examples $title, deployed, migrated, promoted and rolled back at the same moment under load, fail no request',
  async ({ group }, { skip }) => {
    for (const name of group) skip(unbuildable.has(name), `${name}: ${unbuildable.get(name)}`)
    const each = async (step: (name: string) => Promise<unknown>) => void (await Promise.all(group.map(step)))
    const loaded = await Promise.all(group.map(async name => ({ name, load: await loadOn(name) })))
    await each(async name => {
      const { folder, example, story } = get(name)
      await setVersion(folder, example, '0.2.0')
      const { migration } = story
      if (migration) await writeFile(join(folder, migration.folder ?? 'app/migrations', migration.file), migration.text)
      await task(name, 'deploy')
    })
    await each(async name => {
      const { migration, migrated } = get(name).story
      const output = await task(name, 'migrate', '--slot', 'green', '--verbose')
      expect(output).toContain(migrated)
      expect(output).not.toContain('001_')
      if (migration) expect(output).toContain(migration.says ?? `${migration.file} ...`)
    })
    await each(name => task(name, 'promote', 'green'))
    await each(async name => {
      expect(await task(name, 'status')).toMatch(/green.*0\.2\.0/)
      expect(await page(name, '/health')).toEqual({ version: '0.2.0' })
      expect(await page(name)).toEqual(get(name).story.page)
    })
    await each(name => task(name, 'rollback'))
    for (const { name, load } of loaded) {
      const report = await load.stop()
      expect.soft(failuresIn(report), name).toEqual([])
      expect.soft(report.endedBy, name).toBe('stop')
      expect.soft(report.sent, name).toBeGreaterThan(300)
      // One client of fresh connections, so its responses come in the order of its requests.
      expect
        .soft(
          report.kinds.fresh.seen.map(seen => seen.value),
          name,
        )
        .toEqual(['0.1.0', '0.2.0', '0.1.0'])
      expect.soft(await page(name), name).toEqual(get(name).story.page)
    }
  },
)

it.each(names.filter(name => STORIES[name]?.console))(
  'examples/%s: the console of a slot shows what users stored',
  async name => {
    const { folder, example, story } = get(name)
    const session = example.console ?? expect.fail('no console')
    const console = inTerminal([process.execPath, TASK, 'console', 'green'], folder, environment())
    expect(await typeInto(console, session)).toBe(story.console)
  },
)

it('examples/node: the worker of each slot runs, and works on what users store', async ({ skip }) => {
  skip(unbuildable.has('node'), `node: ${unbuildable.get('node')}`)
  for (const slot of ['blue', 'green'])
    expect((await asRoot(`systemctl is-active files-worker@${slot}`)).trim(), slot).toBe('active')
  const stored = async (name: string, text: string) => {
    await curl('node', `/files/${name}`, `-X PUT -d '${text}'`)
    const sum = createHash('sha256').update(text).digest('hex')
    await expect.poll(() => curl('node', `/files/${name}`, '-D - -o /dev/null')).toContain(`app-sha256: ${sum}`)
  }
  await stored('b.txt', 'first')
  await stored('b.txt', 'second')
})

it('examples/python: forked workers, a list of allowed hosts, and files that `collectstatic` made in the release', async () => {
  const slot = 'http://127.0.0.1:4400'
  const status = (options: string, url: string) => asRoot(`curl -s -o /dev/null -w '%{http_code}' ${options} ${url}`)
  expect(await status('', `${slot}/health`)).toBe('400')
  expect(await status("-H 'Host: notes.example'", `${slot}/health`)).toBe('200')
  const workers = 'ps --no-headers -o pid --ppid "$(systemctl show --property=MainPID --value notes@blue)" | wc -l'
  expect(Number(await asRoot(workers))).toBe(2)
  const style = /href="(\/static\/notes\.[0-9a-f]{12}\.css)"/.exec(await curl('python', '/'))?.[1]
  expect(await curl('python', style ?? 'no style', '-D -')).toMatch(/cache-control: .*immutable[\s\S]*font:/i)
  expect(await asRoot(`ls /srv/notes/slots/blue/current${style}`)).toContain('.css')
})

it('the control, a restart of a live slot, loses requests under the same load', async () => {
  const load = await loadOn('python')
  await asRoot('systemctl restart notes@blue.service')
  await asRoot("until curl -sf -H 'Host: notes.example' http://127.0.0.1:4400/health; do sleep 0.1; done")
  expect((await load.stop()).failed).toBeGreaterThan(0)
})

it('a stop lets every example finish the requests in flight', async () => {
  const stop = async (name: string) => {
    const { example, story } = get(name)
    const { app, port } = story
    const response = host.exec(
      `curl -sS -H 'Host: ${example.site}' -w " %{http_code}" "http://127.0.0.1:${port}/slow?ms=4000"`,
    )
    await asRoot(
      `until ss -Htn 'sport = :${port}' | grep -q ESTAB; do sleep 0.1; done; systemctl stop ${app}@blue.service`,
    )
    const after = await asRoot(
      `systemctl show -p Result --value ${app}@blue.service; ! curl -s http://127.0.0.1:${port}/health`,
    )
    return { name, body: (await response).stdout, after: after.trim() }
  }
  for (const { name, body, after } of await Promise.all([...deployed.keys()].map(stop))) {
    expect.soft(body, name).toMatch(/"slept": ?true.* 200$/s)
    expect.soft(after, name).toBe('success')
  }
})
