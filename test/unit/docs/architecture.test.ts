/** docs/architecture.md lists the folders as they are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { HOME } from '../../../dev/paths.ts'

/** The paths in the list below `## Folders`: what is indented further is below the folder above it. */
function listedPaths(): readonly string[] {
  const [, list = ''] =
    /^## Folders\n\n((?: {4}.*\n)+)/m.exec(readFileSync(join(HOME, 'docs/architecture.md'), 'utf8')) ?? []
  const above: { readonly depth: number; readonly path: string }[] = []
  return list
    .split('\n')
    .map(line => /^ {4}( *)(\S+(?:, \S+)*)(?: {2,}\S|$)/.exec(line))
    .flatMap(match => {
      const [, indent = '', names = ''] = match ?? []
      // The description of the line above goes on.
      if (names === '' || indent.length > 12) return []
      while ((above.at(-1)?.depth ?? -1) >= indent.length) above.pop()
      const paths = names.split(', ').map(name => join(above.at(-1)?.path ?? '', name))
      above.push({ depth: indent.length, path: paths[0] ?? '' })
      return paths
    })
}

const foldersIn = (folder: string): readonly string[] =>
  readdirSync(join(HOME, folder), { withFileTypes: true })
    .filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => join(folder, name))

it('every file and folder of the list exists', () => {
  expect(listedPaths()).toEqual(expect.arrayContaining(['slots/contracts.ts', 'plugins/runtime/beam/', 'host/ssh/']))
  expect(listedPaths().filter(path => !existsSync(join(HOME, path)))).toEqual([])
})

it('every folder of the code is in the list', () => {
  const generated = ['dist', 'dist.next', 'node_modules', 'test-results']
  const top = foldersIn('.').filter(name => !generated.includes(name))
  const rooms = ['runner', 'host', 'slots', 'tasks', 'swarm', 'init', 'plugins', 'test', 'bench', 'dev']
  const inner = [...rooms, 'plugins/router', 'plugins/runtime', 'slots/promote'].flatMap(foldersIn)
  const named = listedPaths().map(path => path.replace(/\/$/, ''))
  expect([...top, ...inner].filter(folder => !named.includes(folder))).toEqual([])
})

it('every example and every build source is named', () => {
  const text = readFileSync(join(HOME, 'docs/architecture.md'), 'utf8')
  for (const name of readdirSync(join(HOME, 'examples'))) expect(text).toContain(`\`${name}\``)
  const sources = readFileSync(join(HOME, 'index.ts'), 'utf8').matchAll(
    /export \{([^}]*)\} from '\.\/plugins\/source\//g,
  )
  const functions = [...sources].flatMap(([, names = '']) => names.match(/(?<=^|, )[a-z]\w*(?=,| |$)/g) ?? [])
  for (const name of functions.filter(name => name !== 'type')) expect(text).toContain(`\`${name}()\``)
})
