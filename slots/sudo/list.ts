/** What `sudo -l` says of a user, read as sudo itself would judge a command: the last rule that matches wins; sudoers(5). */

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1')

/** Whether a rule, by its list of users in parentheses, lets commands run as root. */
const asRoot = (users: string): boolean =>
  (users.split(':')[0] ?? '').split(',').some(user => ['root', 'ALL', '#0'].includes(user.trim()))

/**
 * Whether the rules want a password for a command line that is run as root. Undefined when no rule names it word for word: a wildcard may
 * allow it, which only sudo can tell.
 */
export function wantsPassword(listing: string, words: readonly string[]): boolean | undefined {
  const wanted = words.join(' ')
  // `Defaults !authenticate` takes the password away from every rule that does not ask for one itself.
  const unless = /(?:^|[\s,])!authenticate(?:,|\s|$)/m.test(listing)
  let password: boolean | undefined
  for (const line of listing.split('\n')) {
    const [, users = '', rule] = /^\s+\(([^)]*)\)\s*(.*)$/.exec(line) ?? []
    if (rule === undefined || !asRoot(users)) continue
    let tag = !unless
    for (const part of rule.split(/(?<!\\), /)) {
      const [, tags = '', command = ''] = /^((?:[A-Z_]+: *)*)(.*)$/.exec(part) ?? []
      if (/NOPASSWD:/.test(tags)) tag = false
      else if (/PASSWD:/.test(tags)) tag = true
      if ([wanted, words[0], 'ALL'].includes(unescaped(command.trim()))) password = tag
    }
  }
  return password
}
