/** The pages that are made from the code are those of this code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { generatedPages } from '../../../docs/generate/pages.ts'
import { HOME } from '../../../docs/generate/program.ts'

const pages = generatedPages()

it.each(Object.keys(pages))('%s is what `npm run docs:generate` writes', path => {
  expect(
    readFileSync(join(HOME, path), 'utf8') === pages[path],
    `run \`npm run docs:generate\`: ${path} is outdated`,
  ).toBe(true)
})
