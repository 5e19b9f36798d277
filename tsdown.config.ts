import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { defineConfig, type UserConfig } from 'tsdown'
import { CORE, chunkOf, fewerBuiltins, lazyCommands } from './dev/build/chunks.ts'
import { scriptChunk } from './dev/build/script-chunk.ts'

const entry = { index: 'index.ts', cli: 'cli.ts' }
const next = 'dist.next'
const dist = 'dist'
/** Built separately: a chunk shared with the other entries would be a further file to load for each run of the program. */
const testing = 'testing'
/** A program of its own: the load of a rehearsal. */
const load = 'load'

/**
 * Replaces dist/ without an inconsistent moment for a program that runs from it: a build takes seconds, and `npx task` in this repository starts one if
 * npm's cache is new, because npm runs `prepare`. Renames each file over the old one, the entries after the files that they import, then removes the rest.
 */
async function replaceDist() {
  const names = await readdir(next)
  const entries = Object.keys(entry).map(name => `${name}.js`)
  await mkdir(dist, { recursive: true })
  for (const name of [...names.filter(name => !entries.includes(name)), ...entries]) {
    await rename(join(next, name), join(dist, name))
  }
  const stale = (await readdir(dist)).filter(name => !names.includes(name) && name !== testing && name !== load)
  await Promise.all(stale.map(name => rm(join(dist, name), { recursive: true })))
  await rm(next, { recursive: true })
}

const common: UserConfig = {
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: true,
  fixedExtension: false,
  clean: true,
  loader: { '.conf': 'text' },
}

export default defineConfig([
  {
    ...common,
    entry,
    // A program in another language has to be beside the module that reads it, as in the source.
    copy: ['{host,slots,plugins,swarm,rehearse}/**/*.{sh,lua}', 'vagrant/container-init.sh'],
    plugins: [lazyCommands, fewerBuiltins, scriptChunk(CORE)],
    inputOptions: {
      // What a command imports when it runs may be in the chunk that another command begins with.
      checks: { ineffectiveDynamicImport: false, pluginTimings: false },
      preserveEntrySignatures: 'allow-extension',
    },
    outputOptions: {
      comments: { jsdoc: false },
      codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: chunkOf }] },
    },
    outDir: next,
    onSuccess: replaceDist,
  },
  {
    ...common,
    entry: { index: 'test/contract/index.ts' },
    // The program that the suite of a router with a canary runs.
    copy: 'slots/canary/ask.sh',
    outDir: `${dist}/${testing}`,
  },
  {
    ...common,
    entry: { 'load-process': 'dev/load-process.ts' },
    // Only this repository's own loads have WebSockets.
    external: ['ws'],
    dts: false,
    outDir: `${dist}/${load}`,
  },
])
