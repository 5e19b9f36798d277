/** Builds the program as the package has it: bin/ and dist/, with the tests' own index. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Program extends AsyncDisposable {
  /** Path of bin/task.mjs. */
  readonly bin: string
}

/** It stands inside the repository's node_modules, so that it finds its dependencies. */
export async function buildProgram(): Promise<Program> {
  const cache = join(root, 'node_modules', '.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'runner-test-'))
  await build({
    entryPoints: { cli: join(root, 'runner/cli.ts'), index: join(root, 'test/unit/runner/index.ts') },
    outdir: join(folder, 'dist'),
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'silent',
  })
  await cp(join(root, 'bin'), join(folder, 'bin'), { recursive: true })
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'switchyard', version: '0.0.0', type: 'module' }),
  )
  return { bin: join(folder, 'bin/task.mjs'), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}
