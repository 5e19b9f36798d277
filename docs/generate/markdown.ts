/** Text for Markdown. */

/** Escapes what Markdown or HTML would read as markup, outside of code. */
export const markdown = (text: string): string =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/[<*_[\]|]/g, '\\$&')))
    .join('')
