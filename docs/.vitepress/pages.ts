/** The pages of the site: the documents of the repository, which have other paths there. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const HOME = fileURLToPath(new URL('../..', import.meta.url))

const documents = (): string[] =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: HOME,
    encoding: 'utf8',
  })
    .split('\0')
    .filter(path => path !== '' && existsSync(join(HOME, path)))

/** `docs/commands.md` is the page `commands.md`; undefined for a document that is no page. */
function pageOf(document: string): string | undefined {
  if (document === 'README.md') return 'index.md'
  const [, folder = '', rest = ''] = /^(?:(docs|examples|vagrant)\/)?(.+)$/.exec(document) ?? []
  // docs/contributing.md says where to begin in the code, and CONTRIBUTING.md how to contribute at all.
  if (folder === '') return rest.includes('/') ? undefined : `project/${rest.toLowerCase()}`
  if (folder === 'docs') return rest
  if (folder === 'vagrant') return 'vagrant.md'
  const [name, file] = rest.split('/')
  return file === 'README.md' ? `examples/${name}.md` : undefined
}

/** The pages by the paths of their documents. */
export const pages = (): Record<string, string> =>
  Object.fromEntries(
    documents().flatMap(document => {
      const page = pageOf(document)
      return page === undefined ? [] : [[document, page]]
    }),
  )

/** The documents that are no pages. */
export const excluded = (found: Readonly<Record<string, string>>): string[] =>
  documents().filter(document => found[document] === undefined)
