/** Blocks of the documents that the site shows in its own way. */
import { renderMermaidSVG } from 'beautiful-mermaid'
import type { MarkdownRenderer } from 'vitepress'

/** Mermaid's pictures are drawn when the site is built: the pages need no program for them, and their colours follow the theme. */
export function pictures(md: MarkdownRenderer) {
  const fence = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const { info = '', content = '' } = tokens[index] ?? {}
    if (info.trim() !== 'mermaid') return fence?.(tokens, index, options, env, self) ?? ''
    // Its own styles have fixed colours and load a font from another server. The theme has them instead.
    const svg = renderMermaidSVG(content, { transparent: true })
      .replace(/<style>[\s\S]*?<\/style>/, '')
      .replace(/^(<svg [^>]*?) style="[^"]*"/, '$1')
    const label = md.utils.escapeHtml(content.replace(/\s+/g, ' ').trim())
    return `<figure class="picture" role="img" aria-label="${label}" v-pre>${svg}</figure>\n`
  }
}

/** Shows indented code as a block with a frame and a button to copy it, like code between fences. */
export function framedCode(md: MarkdownRenderer) {
  md.core.ruler.push('framed_code', state => {
    for (const token of state.tokens)
      if (token.type === 'code_block') Object.assign(token, { type: 'fence', tag: 'code', info: 'text' })
  })
}

/** Shows `- [ ]` as a box, as GitHub does. */
export function checklists(md: MarkdownRenderer) {
  md.core.ruler.push('checklists', state => {
    for (const { type, children } of state.tokens) {
      const first = type === 'inline' ? children?.[0] : undefined
      if (first?.type === 'text') first.content = first.content.replace(/^\[ \] /, '☐ ')
    }
  })
}
