/** Links between the documents, as GitHub follows them, for a site on which the documents have other paths and the code has no page. */
import { posix } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

/**
 * Where a relative link of a document leads on the site: a path from its root. Undefined for a file that is no page, such as code.
 *
 * @param pages the pages by the paths of their documents
 */
export function siteLink(
  document: string,
  target: string,
  pages: Readonly<Record<string, string>>,
): string | undefined {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? document : posix.join(posix.dirname(document), path)
  const page = pages[file] ?? pages[posix.join(file, 'README.md')]
  if (page === undefined) return undefined
  const clean = page === 'index.md' ? '' : page.replace(/\.md$/, '')
  return `/${clean}${anchor === undefined ? '' : `#${anchor}`}`
}

/** The anchor of a heading, as GitHub makes it. */
export const slugOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

/** Points the links to the pages of the site, and turns those to other files into plain text. */
export function linksOf(
  md: MarkdownRenderer,
  pages: Readonly<Record<string, string>>,
  documentOf: (env: unknown) => string,
) {
  md.core.ruler.push('site_links', state => {
    const document = documentOf(state.env)
    for (const { children } of state.tokens) {
      let dropped = false
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const target = token.attrGet('href') ?? ''
          // The search index knows a section by the link `#...` of its heading.
          if (/^(?:[a-z]+:|#)/.test(target)) continue
          const link = siteLink(document, target, pages)
          if (link === undefined) dropped = true
          else token.attrSet('href', link)
        }
        if (!dropped) continue
        if (token.type === 'link_close') dropped = false
        if (token.type === 'link_open' || token.type === 'link_close')
          Object.assign(token, { type: 'text', tag: '', attrs: null, nesting: 0, content: '' })
      }
    }
  })
}
