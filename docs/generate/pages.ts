/** All generated pages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HOME } from '../../dev/paths.ts'
import { withWorkflows } from './ci.ts'
import { commandsPage } from './commands.ts'
import { errorsPage } from './errors.ts'
import { optionsPage } from './options.ts'
import { sourceOf } from './program.ts'
import { quickStarts } from './quick-starts.ts'
import { terminalPicture } from './terminal.ts'

/** The text by the path from the root of the package. */
export function generatedPages(): Readonly<Record<string, string>> {
  const source = sourceOf(['index.ts', 'faults.ts'])
  return {
    'docs/errors.md': errorsPage(source),
    'docs/reference-commands.md': commandsPage(),
    'docs/reference-options.md': optionsPage(source),
    ...quickStarts(),
    'docs/plots/terminal.svg': terminalPicture('npx task promote green'),
    // Written by hand, but for the workflows.
    'docs/ci.md': withWorkflows(readFileSync(join(HOME, 'docs/ci.md'), 'utf8')),
  }
}
