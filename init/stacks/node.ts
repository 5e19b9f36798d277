/** Node.js servers. */
import { type Folder, firstOf, jsonIn, objectIn } from '../folder.ts'
import { managerOf, type PackageManager, workspaceOf } from '../package-manager.ts'
import { BUILT_BY, builtBy, call, quoted, type Stack, sameAs } from '../stack.ts'

export const node: Stack = {
  name: 'node',
  title: 'a Node.js application',
  found: folder => (isApplication(folder) ? 'package.json' : undefined),
  nameIn(folder) {
    const { name } = jsonIn(folder, 'package.json')
    return typeof name === 'string' ? name.replace(/^@[^/]*\//, '') : undefined
  },
  parts(folder) {
    const manager = managerOf(folder)
    const { build, migrate } = scriptsOf(folder)
    const steps = build === undefined ? [manager.production] : [manager.frozen, `${manager.run} build`, manager.prune]
    const start = startOf(folder, manager)
    const root = workspaceOf(folder)
    const bun = manager.name === 'bun'
    return {
      imports: [...BUILT_BY, 'service'],
      build: builtBy(...steps),
      runtime: call('service', {
        start: quoted(start ?? OTHERWISE),
        migrate: migrate === undefined ? undefined : quoted(onHost(manager, 'migrate', migrate)),
      }),
      tasks: migrate === undefined ? [] : ['migrate'],
      ...(!bun && { packages: ['nodejs', ...(needsNpm(folder, manager) ? ['npm'] : [])] }),
      env: [{ name: 'NODE_ENV', value: 'production' }],
      notes: [
        ...(start === undefined
          ? [`package.json has no start script: check \`start: ${quoted(OTHERWISE)}\` in the Taskfile.`]
          : []),
        'The server has to listen on the port in the variable PORT.',
        ...(root === undefined
          ? []
          : [
              `The workspace installs packages in ${root}, which is no part of the release: let \`run\` gather them and name their folder in \`artifact\`, as \`pnpm deploy\` does, or move the Taskfile there.`,
            ]),
        bun
          ? 'The host needs Bun on its PATH, of the same version as this machine: Debian has no package of it.'
          : sameAs('version of Node.js'),
      ],
      ...(manager.ci && { ci: manager.ci }),
    }
  },
}

/** Whether a script is started by npm itself. */
const needsNpm = (folder: Folder, manager: PackageManager): boolean =>
  manager.name === 'npm' && (startOf(folder, manager) ?? OTHERWISE).startsWith(manager.run)

/** A package.json that only lists tools, as `init` makes one for a folder without any, is no application. */
const isApplication = (folder: Folder): boolean =>
  Object.keys(jsonIn(folder, 'package.json')).some(key =>
    ['name', 'main', 'scripts', 'dependencies', 'bin', 'type'].includes(key),
  )

const OTHERWISE = 'node server.js'

function scriptsOf(folder: Folder): Readonly<Partial<Record<string, string>>> {
  const scripts = Object.entries(objectIn(jsonIn(folder, 'package.json').scripts))
  return Object.fromEntries(scripts.flatMap(([name, line]) => (typeof line === 'string' ? [[name, line]] : [])))
}

function startOf(folder: Folder, manager: PackageManager): string | undefined {
  const { start } = scriptsOf(folder)
  if (start !== undefined) return onHost(manager, 'start', start)
  const { main } = jsonIn(folder, 'package.json')
  const named = typeof main === 'string' ? [main] : []
  const file = firstOf(
    folder,
    ...named,
    'server.js',
    'server.mjs',
    'app.js',
    'index.js',
    'src/server.js',
    'src/index.js',
  )
  return file === undefined ? undefined : `node ${file}`
}

/**
 * The command of a script on the host. A script of one plain command is started without its package manager: the host need not have that, and nothing stands
 * between systemd's signals and the process.
 */
function onHost(manager: PackageManager, script: string, line: string): string {
  const plain = /^[\w@%+=:,./ -]+$/.test(line) && !/^(?:npm|npx|yarn|pnpm|pnpx|bun|bunx|corepack)\b/.test(line)
  if (!plain || manager.name === 'bun') return `${manager.run} ${script}`
  return /^node\s/.test(line) ? line : `env PATH="$PWD/node_modules/.bin:$PATH" ${line}`
}
