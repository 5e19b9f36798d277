/** All generated pages. */
import { commandsPage } from './commands.ts'
import { errorsPage } from './errors.ts'
import { optionsPage } from './options.ts'
import { sourceOf } from './program.ts'

/** The text by the path from the root of the package. */
export function generatedPages(): Readonly<Record<string, string>> {
  const source = sourceOf(['index.ts', 'faults.ts'])
  return {
    'docs/errors.md': errorsPage(source),
    'docs/reference-commands.md': commandsPage(),
    'docs/reference-options.md': optionsPage(source),
  }
}
