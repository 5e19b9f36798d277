/**
 * Which files of `dist` the modules become. A program that lists its commands loads the code that defines them, and each plugin that the Taskfile imports; what
 * only a command that runs needs is in files that are loaded then. Few files, because each delays the start.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Rolldown } from 'tsdown'
import { lazyImports } from './lazy-imports.ts'

/** The modules whose async functions only a command that runs calls. */
const RUN_LATER = [
  /\/(?:tasks|swarm)\/(?:commands|steps)\/[\w-]+\.ts$/,
  /\/plugins\/(?:source|secrets)\/[\w-]+\.ts$/,
  /\/(?:tasks\/project|swarm\/swarm|host\/ssh\/transport|host\/local|slots\/promote\/report\/write)\.ts$/,
]

export const lazyCommands = {
  name: 'lazy-commands',
  transform: {
    filter: { id: RUN_LATER },
    handler: (code: string) => ({ code: lazyImports(code, isOurs), map: null }),
  },
}

/** The runner's modules and the catalogues of errors are loaded by then. */
const isOurs = (specifier: string) => /^\.\.?\//.test(specifier) && !/\/runner\/|faults\.ts$/.test(specifier)

type Naming = Extract<NonNullable<Rolldown.CodeSplittingOptions['groups']>[number]['name'], Function>
type Graph = Parameters<Naming>[1]

const inRepository = (id: string) => relative(fileURLToPath(new URL('../..', import.meta.url)), id)

/** A plugin with a folder of its own, or several that are small. */
const PLUGIN = /^(?:plugins\/\w+\/(?=\w+\/)|plugins\/(?=(?:secrets|notify)\/)|(?=swarm\/))(\w+)\//

/** @returns the name of the module's file; null for one that the bundler chooses */
export const chunkOf: Naming = (id, graph) => {
  // A helper of the compiler, for `using`.
  if (id.includes('@oxc-project')) return 'runner'
  if (!/(?<!\.d)\.ts$|\.conf$/.test(id)) return null
  const path = inRepository(id)
  const plugin = PLUGIN.exec(path)?.[1]
  const entries = entriesOf(id, graph)
  if (entries.has('cli.ts')) return entries.has('index.ts') ? 'runner' : null
  if (path === 'index.ts') return null
  if (entries.has('index.ts')) return plugin ?? 'core'
  return plugin ?? (/^(?:runner|init)\//.test(path) ? null : 'work')
}

/** The entries that import the module, directly or through others, but not lazily. What a Swarm needs at once, a host may need later or never. */
function entriesOf(id: string, graph: Graph): Set<string> {
  const ofSwarm = (at: string) => inRepository(at).startsWith('swarm/')
  const seen = new Set([id])
  for (const at of seen)
    for (const importer of graph.getModuleInfo(at)?.importers ?? [])
      if (ofSwarm(at) || !ofSwarm(importer)) seen.add(importer)
  return new Set([...seen].filter(at => graph.getModuleInfo(at)?.isEntry).map(inRepository))
}
