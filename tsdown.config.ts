import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { defineConfig, type UserConfig } from 'tsdown'

const entry = { index: 'index.ts', cli: 'runner/cli/main.ts' }
const next = 'dist.next'
const dist = 'dist'
/** Built apart from the rest: a part that it shared with them would be a file more for each run of the program. */
const testing = 'testing'

/**
 * A build takes seconds, and `npx task` in this repository starts one when npm's cache is new (npm runs `prepare`). A
 * program that runs from dist/ meanwhile must find it whole: each file is renamed over the old one, the entries after
 * what they import, and only then goes what no longer belongs there.
 */
async function moveIn() {
  const names = await readdir(next)
  const entries = Object.keys(entry).map(name => `${name}.js`)
  await mkdir(dist, { recursive: true })
  for (const name of [...names.filter(name => !entries.includes(name)), ...entries]) {
    await rename(join(next, name), join(dist, name))
  }
  const left = (await readdir(dist)).filter(name => !names.includes(name) && name !== testing)
  await Promise.all(left.map(name => rm(join(dist, name), { recursive: true })))
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
    // A program of bash stands beside the module that reads it, as in the source.
    copy: '{host,slots,plugins}/**/*.sh',
    // What the entries and the parts that are loaded later share is one file: each file more delays the first word.
    outputOptions: {
      codeSplitting: { groups: [{ name: 'runner', test: /\/(?:runner\/.+|faults)\.ts$/, minShareCount: 2 }] },
    },
    outDir: next,
    onSuccess: moveIn,
  },
  { ...common, entry: { index: 'test/contract/index.ts' }, outDir: `${dist}/${testing}` },
])
