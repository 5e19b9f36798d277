/** The pages that are made from the code are those of this code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { HOME } from '../../../dev/paths.ts'
import { PARTS } from '../../../docs/generate/options.ts'
import { generatedPages } from '../../../docs/generate/pages.ts'
import * as api from '../../../index.ts'

const pages = generatedPages()

it.each(Object.keys(pages))('%s is what `npm run docs:generate` writes', path => {
  expect(
    readFileSync(join(HOME, path), 'utf8') === pages[path],
    `run \`npm run docs:generate\`: ${path} is outdated`,
  ).toBe(true)
})

it('the options of every function that a Taskfile calls are documented', () => {
  const documented = PARTS.flatMap(({ sections }) => sections.flatMap(({ factory }) => factory ?? []))
  const forPlugins = [
    'Fault',
    'arg',
    'asRoot',
    'capture',
    'catalogue',
    'caught',
    'commandFailed',
    'definer',
    'env',
    'fault',
  ]
  const scripts = [
    'group',
    'liveLink',
    'perform',
    'program',
    'quote',
    'readAsRoot',
    'sh',
    'siteQueries',
    'succeeds',
    'sudoRefusal',
  ]
  expect([...documented, ...forPlugins, ...scripts].sort()).toEqual(Object.keys(api).sort())
})

it('a command of every standard task is documented, with the flags that its help has', () => {
  const page = pages['docs/reference-commands.md'] ?? expect.fail()
  for (const command of ['setup', 'promote', 'env-diff', 'maintenance', 'init', 'explain'])
    expect(page).toContain(`\n## ${command}\n`)
  const promote = page.slice(page.indexOf('\n## promote\n')).split('\n## ')[1] ?? ''
  expect(promote).toMatch(/^\| `<slot>` \| /m)
  expect(promote).toMatch(/^\| `--report <file>` \| /m)
})
