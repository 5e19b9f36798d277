/**
 * Runs a script with the code that V8 compiled for it in an earlier run, so that a start compiles nothing. The build makes such a script of the code that
 * each start needs, and puts this file before its exports (dev/build/script-chunk.ts).
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { cacheFolders } from './cache-folders.ts'

declare global {
  interface ImportMeta {
    /** Keeps the code at the end of this run. Undefined in the sources. */
    readonly keepCode?: () => void
  }
}

type Names = Readonly<Record<string, unknown>>

/**
 * @param url of the script, which makes a function of its `import.meta`, its `import()` and the names that it imports
 * @returns what the function returns: the names that it exports
 */
export function runScript(url: string, load: (specifier: string) => Promise<unknown>, imports: Names): Names {
  const path = fileURLToPath(url)
  const source = readFileSync(path)
  const { NODE_DISABLE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env
  const folders = NODE_DISABLE_COMPILE_CACHE || NODE_V8_COVERAGE ? [] : cacheFolders(dirname(path), process.env)
  const files = folders.map(folder => join(folder, `code-${process.version}-${process.arch}`))
  const cachedData = keptCode(files, source)
  const script = new Script(source.toString(), { filename: url, ...(cachedData && { cachedData }) })
  const keepCode = () => {
    if (script.cachedDataRejected !== false) process.once('exit', () => keep(files, script, source))
  }
  return script.runInThisContext()({ url, keepCode }, load, imports)
}

/**
 * The code in the first file that has it. V8 compares only the length of its source, and damaged code can abort the process, so that a file contains the
 * code twice, and then its source.
 */
function keptCode(files: readonly string[], source: Buffer): Buffer | undefined {
  for (const file of files) {
    try {
      const kept = readFileSync(file)
      const end = (kept.length - source.length) / 2
      const [code, again, from] = [kept.subarray(0, end), kept.subarray(end, 2 * end), kept.subarray(2 * end)]
      if (end > 0 && code.equals(again) && from.equals(source)) return code
    } catch {
      // Try the next file.
    }
  }
  return undefined
}

/** Writes the first file that can be written, if any. */
function keep(files: readonly string[], script: Script, source: Buffer): void {
  for (const file of files) {
    try {
      const code = script.createCachedData()
      const temporary = `${file}.${process.pid}`
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      writeFileSync(temporary, Buffer.concat([code, code, source]), { mode: 0o600 })
      renameSync(temporary, file)
      return
    } catch {
      // Try the next file.
    }
  }
}
