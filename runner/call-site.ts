/** The place in a Taskfile that called a command, for error messages. */
import { isOwnCode } from './package.ts'

/** The first stack frame above this function outside of Node, zx and switchyard: `name (file:line:column)` or `file:line:column`. */
export function callSite(above: (...args: never[]) => unknown): string {
  const trace: { stack?: string } = {}
  Error.captureStackTrace(trace, above)
  const places = (trace.stack ?? '')
    .split('\n')
    .slice(1)
    .map(line => line.trim().replace(/^at /, ''))
  const files = places.filter(place => !place.includes('node:') && !place.includes('/node_modules/zx/'))
  return files.find(place => !isOwnCode(place)) ?? files[0] ?? places[0] ?? 'unknown place'
}
