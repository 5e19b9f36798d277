/** Stack traces show places in the Taskfile, not in the module that it is compiled to. */
import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Reads the source map of the module only if a stack trace needs it. With `process.setSourceMapsEnabled()` Node reads it whenever it loads the module,
 * which would delay every help text by 5 ms.
 *
 * @param module the URL of a module whose source map is inside it, and names its sources as URLs
 */
export function mapStackTraces(module: string): void {
  if (process.sourceMapsEnabled) return
  const place = new RegExp(`${module.replace(/[^\w/]/g, '\\$&')}:(\\d+):(\\d+)`, 'g')
  const earlier = Error.prepareStackTrace ?? asNode
  let map: SourceMap | undefined
  Error.prepareStackTrace = (error, frames) => {
    const trace: unknown = earlier(error, frames)
    if (typeof trace !== 'string' || !trace.includes(module)) return trace
    map ??= sourceMapIn(readFileSync(fileURLToPath(module), 'utf8'))
    return trace.replace(place, (compiled, line, column) => sourcePlace(map, Number(line), Number(column)) ?? compiled)
  }
}

/** As Node formats a trace. */
const asNode = (error: Error, frames: readonly NodeJS.CallSite[]): string =>
  [Error.prototype.toString.call(error), ...frames.map(frame => `    at ${frame}`)].join('\n')

function sourceMapIn(code: string): SourceMap | undefined {
  const base64 = /^\/\/# sourceMappingURL=data:application\/json;base64,(\S+)$/m.exec(code)?.[1]
  return base64 === undefined ? undefined : new SourceMap(JSON.parse(Buffer.from(base64, 'base64').toString()))
}

/** @param line the first is 1, as with the column */
function sourcePlace(map: SourceMap | undefined, line: number, column: number): string | undefined {
  const entry = map?.findEntry(line - 1, column - 1)
  if (!entry || !('originalSource' in entry)) return undefined
  const { originalSource, originalLine, originalColumn } = entry
  return `${fileURLToPath(originalSource)}:${originalLine + 1}:${originalColumn + 1}`
}
