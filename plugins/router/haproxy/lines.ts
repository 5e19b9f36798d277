/** Lines of a section, indented. */
export const lines = (rules: readonly string[]): string => rules.map(rule => `    ${rule}\n`).join('')
