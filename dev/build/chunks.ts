/**
 * Which files of `dist` the modules become. A program that lists its commands loads the code that defines them, and each plugin that the Taskfile imports; what
 * only a command that runs needs is in files that are loaded then. Few files, because each delays the start.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Rolldown } from 'tsdown'
import { withoutBuiltinImports } from './builtins.ts'
import { lazyImports } from './lazy-imports.ts'

/** The modules whose async functions only a command that runs calls. */
const RUN_LATER = [
  /\/(?:tasks|swarm)\/(?:commands|steps)\/[\w-]+\.ts$/,
  /\/plugins\/(?:source|secrets)\/[\w-]+\.ts$/,
  /\/(?:tasks\/project|swarm\/swarm|host\/ssh\/transport|host\/local|slots\/report\/write)\.ts$/,
]

export const lazyCommands = {
  name: 'lazy-commands',
  transform: {
    filter: { id: RUN_LATER },
    handler: (code: string) => ({ code: lazyImports(code, isOurs), map: null }),
  },
}

/** The packages that we import take modules of Node in their own way. */
export const fewerBuiltins = {
  name: 'fewer-builtins',
  transform: {
    filter: { id: /(?<!\.d)\.ts$/, code: / from 'node:/ },
    handler: (code: string) => ({ code: withoutBuiltinImports(code), map: null }),
  },
}

/** The runner's modules and the catalogues of errors are loaded by then. */
const isOurs = (specifier: string) => /^\.\.?\//.test(specifier) && !/\/runner\/|faults\.ts$/.test(specifier)

type Naming = Extract<NonNullable<Rolldown.CodeSplittingOptions['groups']>[number]['name'], Function>
type Graph = Parameters<Naming>[1]

const inRepository = (id: string) => relative(fileURLToPath(new URL('../..', import.meta.url)), id)

/** What every start loads. */
export const CORE = 'core'

/** A plugin with a folder of its own, or several that are small. */
const PLUGIN = /^(?:plugins\/\w+\/(?=\w+\/)|plugins\/(?=(?:secrets|notify)\/)|(?=swarm\/))(\w+)\//

/** @returns the name of the module's file; null for one that the bundler chooses */
export const chunkOf: Naming = (id, graph) => {
  // A helper of the compiler, for `using`.
  if (id.includes('@oxc-project')) return CORE
  if (!/(?<!\.d)\.ts$|\.conf$/.test(id)) return null
  const path = inRepository(id)
  if (path === 'index.ts' || path === 'cli.ts') return null
  const users = [...usersOf(id, graph)]
  const plugin = PLUGIN.exec(path)?.[1]
  if (users.includes('cli.ts')) return CORE
  if (users.includes('index.ts')) return isOwn(plugin, users) ? plugin : CORE
  if (plugin !== undefined) return `${plugin}-run`
  return /^(?:runner|init|rehearse|dev|vagrant)\//.test(path) ? null : 'work'
}

/** What another plugin or anything else uses too has to be in `core`: two files that import each other would run in an order that nobody chose. */
const isOwn = (plugin: string | undefined, users: readonly string[]): plugin is string =>
  plugin !== undefined && users.every(user => user === 'index.ts' || PLUGIN.exec(user)?.[1] === plugin)

/**
 * The module, and what imports it, directly or through others, but not lazily. What a Swarm needs at once, a host may need later or never, so that a
 * Swarm is no user of what is not its own.
 */
function usersOf(id: string, graph: Graph): Set<string> {
  const ofSwarm = (at: string) => inRepository(at).startsWith('swarm/')
  const seen = new Set([id])
  for (const at of seen)
    for (const importer of graph.getModuleInfo(at)?.importers ?? [])
      if (ofSwarm(at) || !ofSwarm(importer)) seen.add(importer)
  return new Set([...seen].map(inRepository))
}
