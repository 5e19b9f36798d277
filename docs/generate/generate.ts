/** `npm run docs:generate`: writes the pages of the documentation that are made from the code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HOME } from '../../dev/paths.ts'
import { generatedPages } from './pages.ts'

for (const [path, text] of Object.entries(generatedPages())) writeFileSync(join(HOME, path), text)
