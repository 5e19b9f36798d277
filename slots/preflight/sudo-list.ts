/** What `sudo -l` says of a user, read as sudo itself would judge a command: the last rule that matches wins; sudoers(5). */

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1')

/**
 * Whether the rules want a password for a command line. Undefined when no rule names it word for word: a wildcard may
 * allow it, which only sudo can tell.
 */
export function wantsPassword(listing: string, words: readonly string[]): boolean | undefined {
  const wanted = words.join(' ')
  let password: boolean | undefined
  for (const line of listing.split('\n')) {
    const [, rule] = /^\s+\([^)]*\)\s*(.*)$/.exec(line) ?? []
    let tag = true
    for (const part of rule?.split(/(?<!\\), /) ?? []) {
      const [, tags = '', command = ''] = /^((?:[A-Z_]+: *)*)(.*)$/.exec(part) ?? []
      if (/NOPASSWD:/.test(tags)) tag = false
      else if (/PASSWD:/.test(tags)) tag = true
      if ([wanted, words[0], 'ALL'].includes(unescaped(command.trim()))) password = tag
    }
  }
  return password
}
