/** The package manager of a folder, by its lock file. */
import { join } from 'node:path/posix'
import { type Folder, jsonIn } from './folder.ts'
import type { StackParts } from './stack.ts'

export interface PackageManager {
  readonly name: string
  /** The command that adds development dependencies, without their names. */
  readonly add: readonly string[]
  /** Installs exactly what the lock file says. */
  readonly frozen: string
  /** As `frozen`, without development dependencies. */
  readonly production: string
  /** Removes development dependencies. */
  readonly prune: string
  /** Runs a script, whose name follows. */
  readonly run: string
  /** What a CI job needs before it. */
  readonly ci?: StackParts['ci']
  /** Its cache in GitHub's setup-node. */
  readonly cache?: string
}

const npm: PackageManager = {
  name: 'npm',
  add: ['npm', 'install', '--save-dev'],
  frozen: 'npm ci',
  production: 'npm ci --omit=dev',
  prune: 'npm prune --omit=dev',
  run: 'npm run',
  cache: 'npm',
}

const pnpm: PackageManager = {
  name: 'pnpm',
  add: ['pnpm', 'add', '--save-dev'],
  frozen: 'pnpm install --frozen-lockfile',
  production: 'pnpm install --frozen-lockfile --prod',
  prune: 'pnpm prune --prod',
  run: 'pnpm run',
  ci: { github: ['- run: corepack enable'], gitlab: ['corepack enable'] },
}

const yarn: PackageManager = {
  name: 'yarn',
  add: ['yarn', 'add', '--dev'],
  frozen: 'yarn install --frozen-lockfile',
  production: 'yarn install --frozen-lockfile --production',
  prune: 'yarn install --frozen-lockfile --production',
  run: 'yarn run',
  ci: { github: ['- run: corepack enable'], gitlab: ['corepack enable'] },
}

/** Since version 2, which reads another file for its settings. */
const yarnBerry: PackageManager = {
  ...yarn,
  frozen: 'yarn install --immutable',
  production: 'yarn workspaces focus --production',
  prune: 'yarn workspaces focus --production',
}

const bun: PackageManager = {
  name: 'bun',
  add: ['bun', 'add', '--dev'],
  frozen: 'bun install --frozen-lockfile',
  production: 'bun install --frozen-lockfile --production',
  prune: 'rm -rf node_modules && bun install --frozen-lockfile --production',
  run: 'bun run',
  ci: { github: ['- uses: oven-sh/setup-bun@v2'], gitlab: ['npm install --global bun'] },
}

const LOCKS: readonly (readonly [string, PackageManager])[] = [
  ['pnpm-lock.yaml', pnpm],
  ['yarn.lock', yarn],
  ['bun.lock', bun],
  ['bun.lockb', bun],
  ['package-lock.json', npm],
  ['npm-shrinkwrap.json', npm],
]

/** The root of the workspace that installs the packages of this folder, such as `../..`; undefined for a folder that installs its own. */
export const workspaceOf = (folder: Folder): string | undefined =>
  LOCKS.some(([file]) => folder.has(file))
    ? undefined
    : ['..', '../..', '../../..'].find(
        root => folder.has(`${root}/pnpm-workspace.yaml`) || 'workspaces' in jsonIn(folder, `${root}/package.json`),
      )

/** By the lock file, else by `packageManager` in package.json, else npm; in a workspace those of its root. */
export function managerOf(folder: Folder): PackageManager {
  const root = workspaceOf(folder) ?? '.'
  const has = (file: string) => folder.has(join(root, file))
  const { packageManager } = jsonIn(folder, join(root, 'package.json'))
  const named = typeof packageManager === 'string' ? packageManager.split('@')[0] : undefined
  const found = LOCKS.find(([file]) => has(file))?.[1] ?? [pnpm, yarn, bun].find(({ name }) => name === named) ?? npm
  return found === yarn && has('.yarnrc.yml') ? yarnBerry : found
}
