/** What git ignores in the folder, as far as its own `.gitignore` says. Pure. */

/** Whether the rules ignore a file or, for a name with a slash at its end, a folder, that is directly in the folder. The last rule that fits counts. */
export function ignores(rules: string, path: string): boolean {
  const folder = path.endsWith('/')
  const name = path.replace(/\/$/, '')
  let ignored = false
  for (const line of rules.split(/\r?\n/)) {
    const [, not, pattern = '', slash] = /^(!?)(?:\/|\*\*\/)?(.+?)(\/?)\s*$/.exec(line) ?? []
    if (pattern === '' || line.startsWith('#') || pattern.includes('/') || (slash === '/' && !folder)) continue
    if (matches(pattern, name)) ignored = not !== '!'
  }
  return ignored
}

/** As in fnmatch(3), for a name without slashes. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split(/(\\.|\*+|\?|\[!?[^\]]+\])/).map(part => {
    if (part.startsWith('*')) return '.*'
    if (part === '?') return '.'
    if (/^\[.+\]$/.test(part)) return `[${part.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`
    return (part.startsWith('\\') ? part.slice(1) : part).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`).test(name)
}

/** The lines to append, so that git ignores some paths and not others. */
export function missingRules(rules: string, ignored: readonly string[], tracked: readonly string[]): string[] {
  const added = ignored.filter(path => !ignores(rules, path))
  const all = `${rules}\n${added.join('\n')}`
  return [...added, ...tracked.filter(path => ignores(all, path)).map(path => `!${path}`)]
}
