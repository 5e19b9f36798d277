/** All generated pages. */
import { errorsPage } from './errors.ts'
import { sourceOf } from './program.ts'

/** The text by the path from the root of the package. */
export function generatedPages(): Readonly<Record<string, string>> {
  const source = sourceOf(['index.ts', 'faults.ts'])
  return { 'docs/errors.md': errorsPage(source) }
}
