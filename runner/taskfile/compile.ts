/** Compiles a Taskfile and the files that it imports to one JavaScript module. Loads esbuild: import this file only when needed. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BuildFailure, Message, Plugin } from 'esbuild'
import { nearest } from '../cli/suggest.ts'
import { runnerFaults } from '../faults.ts'
import { isSource, manifest } from '../package.ts'
import { codeFrame } from './code-frame.ts'

export interface Compiled {
  readonly code: string
  /** Absolute paths of the source files, the Taskfile first, and of the package.json of esbuild and of each imported package. */
  readonly inputs: readonly string[]
}

/**
 * @param file absolute path of the Taskfile
 * @param index the module for an import of this package: our own, so that it is not loaded twice
 * @throws TASKFILE_BROKEN with the place and a code frame
 */
export async function compile(file: string, index: URL): Promise<Compiled> {
  const { build } = await import('esbuild')
  const manifests = new Set([createRequire(import.meta.url).resolve('esbuild/package.json')])
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: [file],
      absWorkingDir: dirname(file),
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      // Resolve like Node, not like a bundler.
      mainFields: ['main'],
      conditions: [],
      tsconfigRaw: {},
      sourcemap: 'external',
      outfile: join(dirname(file), 'Taskfile.mjs'),
      sourcesContent: true,
      logLevel: 'silent',
      define: {
        'import.meta.url': META.url,
        'import.meta.dirname': META.dirname,
        'import.meta.filename': META.filename,
      },
      plugins: [ownIndex(index), packages(manifests), importMeta],
    })
    const inputs = Object.keys(metafile.inputs)
      .filter(input => !input.startsWith('import-meta:'))
      .map(input => resolve(dirname(file), input))
    const text = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
    return {
      code: text('.mjs') + inlineMap(text('.map'), dirname(file)),
      inputs: [file, ...inputs.filter(input => input !== file), ...manifests],
    }
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? []
    if (!first) throw error
    throw await broken(naming(first, relative(dirname(file), fileURLToPath(index))), file, error)
  }
}

/** The source map with absolute paths, because the module is stored in another folder. */
function inlineMap(text: string, folder: string): string {
  const map: { sources: string[] } = JSON.parse(text)
  const absolute = { ...map, sources: map.sources.map(source => pathToFileURL(resolve(folder, source)).href) }
  return `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(absolute)).toString('base64')}\n`
}

/** A message about our own index says the name of this package, as the Taskfile does. */
const naming = (message: Message, index: string): Message => ({
  ...message,
  text: message.text.replace(JSON.stringify(index), JSON.stringify(manifest().name)),
})

async function broken({ text, location }: Message, taskfile: string, cause: unknown) {
  const file = location ? resolve(dirname(taskfile), location.file) : taskfile
  const shown = relative(process.cwd(), file)
  const place = { file: shown, line: location?.line ?? 1, column: (location?.column ?? 0) + 1 }
  const source = await readFile(file, 'utf8').catch(() => location?.lineText ?? '')
  const frame = codeFrame(source, place.line, place.column, location?.length)
  const lacks = /^Could not resolve "([^."/][^"]*)"$/.exec(text)?.[1]
  const near = lacks === undefined ? undefined : nearest(lacks, [manifest().name])
  return runnerFaults.TASKFILE_BROKEN({ place, reason: text, frame, lacks, near }, cause)
}

/**
 * An import of this package. Its built index only names the files that its exports are in: it becomes part of the compiled module, so that a Taskfile loads
 * the plugins that it uses and no others. Ours, so that nothing is loaded twice.
 */
const ownIndex = (index: URL): Plugin => ({
  name: 'own-index',
  setup(build) {
    const path = fileURLToPath(index)
    build.onResolve({ filter: new RegExp(`^${manifest().name}$`) }, () =>
      isSource ? { path: index.href, external: true } : { path, sideEffects: false },
    )
    build.onResolve({ filter: /^\.\// }, ({ path: chunk, importer }) =>
      importer === path ? { path: new URL(chunk, index).href, external: true, sideEffects: false } : undefined,
    )
  },
})

/**
 * Packages are not bundled, but imported by absolute path, because Node would not find them from the cache folder. A package that is linked from
 * elsewhere, as in a workspace, is bundled like the Taskfile's own files.
 */
const packages = (manifests: Set<string>): Plugin => ({
  name: 'packages',
  setup(build) {
    build.onResolve({ filter: /^[^.]/ }, async ({ path, pluginData, resolveDir, importer, kind }) => {
      if (pluginData === RESOLVING || isAbsolute(path) || path.startsWith('import-meta:')) return undefined
      const found = await build.resolve(path, { resolveDir, importer, kind, pluginData: RESOLVING })
      if (found.errors.length > 0 || found.external) return found
      if (!found.path.includes('/node_modules/')) return undefined
      const manifest = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(found.path)?.[1]
      if (manifest !== undefined) manifests.add(`${manifest}/package.json`)
      return { path: pathToFileURL(found.path).href, external: true }
    })
  },
})
/** Marks our own nested call of `resolve`. */
const RESOLVING = Symbol('resolving')

/**
 * Keeps `import.meta.url` of each file, although all files become one module. The import is appended to the file, so that its line numbers stay the same.
 */
const META = { url: '__import_meta_url', dirname: '__import_meta_dirname', filename: '__import_meta_filename' }
const importMeta: Plugin = {
  name: 'import-meta',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
      const contents = await readFile(path, 'utf8')
      if (!contents.includes('import.meta')) return undefined
      const extension = /\.[cm]?([jt]sx?)$/.exec(path)?.[1] as 'ts' | 'tsx' | 'js' | 'jsx'
      const names = Object.entries(META).map(([name, as]) => `${name} as ${as}`)
      const from = JSON.stringify(`import-meta:${pathToFileURL(path).href}`)
      return { contents: `${contents}\nimport { ${names.join(', ')} } from ${from}`, loader: extension }
    })
    build.onResolve({ filter: /^import-meta:/ }, ({ path }) => ({
      path: path.slice('import-meta:'.length),
      namespace: 'import-meta',
      sideEffects: false,
    }))
    build.onLoad({ filter: /.*/, namespace: 'import-meta' }, ({ path: url }) => {
      const path = fileURLToPath(url)
      const values = { url, dirname: dirname(path), filename: path }
      const lines = Object.entries(values).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)}`)
      return { contents: lines.join('\n'), loader: 'js' }
    })
  },
}
