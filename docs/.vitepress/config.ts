/** The documentation site: `npm run docs:dev`, and `npm run docs:build`, which writes it to docs/.vitepress/dist. */
import { join, relative } from 'node:path'
import { type DefaultTheme, defineConfig } from 'vitepress'
import { checklists, framedCode, pictures } from './blocks.ts'
import { linksOf, slugOf } from './links.ts'
import { excluded, HOME, pages } from './pages.ts'
import { sidebar } from './sidebar.ts'

const found = pages()

export default defineConfig({
  title: 'switchyard',
  description: 'Deploys a web application to servers of your own, between two slots, with no downtime',
  lang: 'en',
  // A folder on a server of several sites, such as /switchyard/.
  base: (process.env.DOCS_BASE ?? '/') as `/${string}/`,
  srcDir: relative(join(HOME, 'docs'), HOME),
  srcExclude: excluded(found),
  rewrites: found,
  metaChunk: true,
  // A browser would ask for one that is not there.
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    anchor: { slugify: slugOf },
    config(md) {
      linksOf(md, found, env => relative(HOME, pathIn(env)))
      pictures(md)
      framedCode(md)
      checklists(md)
    },
  },
  vite: { logLevel: 'warn' },
  themeConfig: {
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      { text: 'Quick start', link: '/quick-start' },
      { text: 'Commands', link: '/commands' },
      { text: 'Errors', link: '/errors' },
    ],
  } satisfies DefaultTheme.Config,
})

/** The document that is rendered. With `rewrites`, `path` is that of the page. */
function pathIn(env: unknown): string {
  const { path = '', realPath } = env as { path?: string; realPath?: string }
  return realPath ?? path
}
