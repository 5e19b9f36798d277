/** The applications of `examples/`: what the tests and the rehearsal need to know to deploy each of them. */

import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConsoleSession } from './console.ts'
import type { Kind } from './load.ts'
import { HOME } from './paths.ts'

export interface Example {
  /** The name of its folder in `examples/`. */
  readonly name: string
  readonly site: string
  /** Files and folders of the checkout that make up the project. */
  readonly parts: Readonly<Record<string, string>>
  /**
   * The folder of the Taskfile in the project.
   *
   * @default '.'
   */
  readonly root?: string
  /** The file with the version, relative to the project. */
  readonly versionFile: string
  /** The response header with the version. */
  readonly versionHeader: string
  /** Debian packages that the host needs. */
  readonly packages: readonly string[]
  /** Whether the host runs containers, which a host that is itself a container has to be allowed. */
  readonly engines?: boolean
  /** What this machine needs for the build: a Debian package, and the program in it. */
  readonly builder?: { readonly package: string; readonly program: string }
  /**
   * Whether it has migrations.
   *
   * @default true
   */
  readonly migrates?: boolean
  /** Load that suits it. */
  readonly clients: Partial<Record<Kind, number>>
  readonly console?: ConsoleSession
}

/** An example whose Taskfile is in its own folder. */
const ofFolder = (name: string) => ({
  name,
  parts: { [`examples/${name}`]: '.' },
  versionHeader: 'app-version',
  clients: { keepAlive: 4, idle: 2, post: 2, fresh: 1, slow: 2, socket: 0 },
})

export const EXAMPLES: readonly Example[] = [
  {
    name: 'life',
    site: 'life.example',
    parts: { 'Taskfile.ts': 'Taskfile.ts', 'examples/life': 'examples/life' },
    versionFile: 'examples/life/mix.exs',
    versionHeader: 'life-version',
    packages: [],
    clients: { keepAlive: 4, post: 2, fresh: 2, slow: 2, socket: 50 },
    console: {
      prompt: /iex\([^)]*\)\d+>/,
      line: '"this is #{node()}, version #{Life.version()}"',
      result: /^"(.*)"$/m,
      exit: [{ keys: '\x03', shows: /\(a\)bort/ }, { keys: 'a\n' }],
    },
  },
  {
    ...ofFolder('python'),
    site: 'notes.example',
    versionFile: 'app/VERSION',
    packages: ['gunicorn', 'python3-django', 'python3-whitenoise'],
    console: {
      prompt: />>> /,
      line: 'import notes; f"version {notes.VERSION}"',
      result: /^'(version [\d.]+)'$/m,
      exit: [{ keys: 'exit()\n' }],
    },
  },
  {
    ...ofFolder('node'),
    site: 'files.example',
    versionFile: 'app/package.json',
    packages: ['nodejs'],
    console: {
      prompt: /files> /,
      line: 'await list()',
      result: /^(\[.*\])$/m,
      exit: [{ keys: '.exit\n' }],
    },
  },
  {
    ...ofFolder('go'),
    site: 'links.example',
    versionFile: 'app/VERSION',
    packages: [],
    builder: { package: 'golang-go', program: 'go' },
  },
  {
    ...ofFolder('static'),
    site: 'status.example',
    versionFile: 'site/VERSION',
    // The name of the release.
    versionHeader: 'etag',
    packages: [],
    migrates: false,
    clients: { keepAlive: 4, idle: 2, post: 0, fresh: 1, slow: 0, socket: 0 },
  },
  {
    ...ofFolder('container'),
    site: 'pastes.example',
    versionFile: 'app/VERSION',
    packages: ['podman', 'crun', 'uidmap'],
    engines: true,
  },
  {
    ...ofFolder('ruby'),
    site: 'guests.example',
    versionFile: 'app/VERSION',
    packages: ['puma', 'ruby-sinatra'],
    console: {
      prompt: /irb\([^)]*\):\d+:0> /,
      line: 'Book.entries.map { _1[:name] }',
      result: /=> (\[.*\])$/m,
      exit: [{ keys: 'exit\n' }],
    },
  },
  {
    ...ofFolder('php'),
    site: 'recipes.example',
    versionFile: 'app/VERSION',
    packages: ['php-fpm', 'php-sqlite3', 'php-readline', 'composer'],
    console: {
      prompt: /php > /,
      line: 'echo json_encode($book->titles());',
      result: /^(\[.*\])$/m,
      exit: [{ keys: 'exit\n' }],
    },
  },
]

const CLOCK_CONSOLE = {
  prompt: />>> /,
  line: 'open("/app/VERSION").read().strip()',
  result: /^'([\d.]+)'$/m,
  exit: [{ keys: 'exit()\n' }],
}

/** On machines of its own, which are a swarm. */
export const SWARM_EXAMPLE: Example = {
  ...ofFolder('swarm'),
  site: 'clock.example',
  versionFile: 'app/VERSION',
  packages: [],
  clients: { keepAlive: 2, idle: 1, post: 0, fresh: 1, slow: 0, socket: 0 },
  console: CLOCK_CONSOLE,
}

/** The same application on several hosts. */
export const FLEET_EXAMPLE: Example = {
  ...SWARM_EXAMPLE,
  name: 'fleet',
  parts: { 'examples/fleet': 'fleet', 'examples/swarm/app': 'swarm/app' },
  root: 'fleet',
  versionFile: 'swarm/app/VERSION',
  packages: ['python3'],
  console: { ...CLOCK_CONSOLE, line: 'open("VERSION").read().strip()' },
}

/** Copies the project of an example to a new temporary folder, so that its version can be changed without touching the checkout. */
export async function copyExample({ name, parts }: Example): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `switchyard-rehearsal-${name}-`))
  for (const [from, to] of Object.entries(parts)) await cp(join(HOME, from), join(folder, to), { recursive: true })
  return folder
}

/** Sets the version of a copied example. Throws if its file has none, because the same version again would show nothing. */
export async function setVersion(folder: string, { versionFile }: Example, version: string): Promise<void> {
  const path = join(folder, versionFile)
  const text = await readFile(path, 'utf8')
  const changed = text.replace(/^(|\s*version: "|\s*"version": ")\d+\.\d+\.\d+/m, `$1${version}`)
  if (!changed.includes(version)) throw new Error(`${path} has no line with a version`)
  await writeFile(path, changed)
}

/** A shell command that installs Debian packages, without translations and without a sync for each file. */
export const installCommand = (packages: readonly string[]): string =>
  [
    'export DEBIAN_FRONTEND=noninteractive',
    'apt-get update -q -o Acquire::Languages=none',
    `apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io ${packages.join(' ')}`,
  ].join(' && ')
