import { expect, it } from 'vitest'
import { siteLink, slugOf } from '../../../docs/.vitepress/links.ts'
import { pages } from '../../../docs/.vitepress/pages.ts'

const found = pages()

it.each([
  ['README.md', 'docs/commands.md', '/commands'],
  ['docs/commands.md', '../README.md', '/'],
  ['docs/commands.md', 'routers.md#a-load-balancer', '/routers#a-load-balancer'],
  ['docs/commands.md', '#flags', '/commands#flags'],
  ['docs/application.md', '../examples/node/README.md', '/examples/node'],
  ['examples/node/README.md', '../../SECURITY.md', '/project/security'],
])('a link from %s to %s leads to %s on the site', (document, target, link) => {
  expect(siteLink(document, target, found)).toBe(link)
})

it('a link to code leads nowhere on the site', () => {
  expect(siteLink('docs/architecture.md', '../cli.ts', found)).toBeUndefined()
  expect(siteLink('README.md', 'examples', found)).toBeUndefined()
})

it('no two documents are the same page', () => {
  expect(new Set(Object.values(found)).size).toBe(Object.keys(found).length)
})

it('a heading has the anchor that GitHub gives it', () => {
  expect(slugOf('What `setup` creates, step by step')).toBe('what-setup-creates-step-by-step')
  expect(slugOf('LOCK_TAKEN')).toBe('lock_taken')
})
