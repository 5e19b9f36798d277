/** Where a command of a Taskfile was called, for the errors that name it. */
import { isOwnCode } from './package.ts'

/** The first place on the stack above this function that is neither Node's, nor zx's, nor ours: `name (file:line:column)` or `file:line:column`. */
export function callSite(above: (...words: never[]) => unknown): string {
  const trace: { stack?: string } = {}
  Error.captureStackTrace(trace, above)
  const places = (trace.stack ?? '')
    .split('\n')
    .slice(1)
    .map(line => line.trim().replace(/^at /, ''))
  const files = places.filter(place => !place.includes('node:') && !place.includes('/node_modules/zx/'))
  return files.find(place => !isOwnCode(place)) ?? files[0] ?? places[0] ?? 'unknown place'
}
