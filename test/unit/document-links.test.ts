/** Each relative link in the documents leads to a file, and to a heading of it, that exist. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'

const docs = readdirSync(join(HOME, 'docs')).filter(name => name.endsWith('.md'))
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...docs.map(name => `docs/${name}`)]

/** The text without code, in which brackets and `#` mean something else. */
const withoutCode = (text: string) =>
  text
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/^ {4,}.*$/gm, '')
    .replace(/(`+).+?\1/g, 'code')

/** The targets of all links and images that are neither absolute URLs nor in code. */
const linksIn = (text: string) =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter(target => !/^[a-z]+:/.test(target))

/** The anchors of a page, as GitHub makes them from its headings. */
const anchorsOf = (text: string) =>
  [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** The links of a document that lead nowhere. */
function broken(document: string, text: string): string[] {
  return linksIn(text).filter(link => {
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? join(HOME, document) : join(HOME, dirname(document), path)
    if (!existsSync(file)) return true
    return anchor !== undefined && !anchorsOf(path === '' ? text : readFileSync(file, 'utf8')).includes(anchor)
  })
}

it.each(DOCUMENTS)('every relative link in %s leads to a file and a heading that exist', document => {
  const text = readFileSync(join(HOME, document), 'utf8')
  expect(linksIn(text).length).toBeGreaterThan(0)
  expect(broken(document, text)).toEqual([])
})

it('finds a link to a missing file or a missing heading', () => {
  const text = '# A `b` c\n[1](#a-b-c) [2](#d) [3](README.md) [4](nowhere.md) [5](https://example.com) `[6](none.md)`\n'
  expect(broken('README.md', text)).toEqual(['#d', 'nowhere.md'])
})
