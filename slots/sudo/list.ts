/** Parses the rules that `sudo -l` prints. As in sudo itself, the last matching rule wins; see sudoers(5). */

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1')

/** Whether a rule's list of users, in parentheses, includes root. */
const asRoot = (users: string): boolean =>
  (users.split(':')[0] ?? '').split(',').some(user => ['root', 'ALL', '#0'].includes(user.trim()))

/**
 * Whether the rules require a password to run a command line as root. Undefined if no rule names it literally: a wildcard may match it, which only
 * sudo can decide.
 */
export function wantsPassword(listing: string, command: readonly string[]): boolean | undefined {
  const line = command.join(' ')
  // `Defaults !authenticate` drops the password for every rule without a PASSWD tag.
  const noAuthentication = /(?:^|[\s,])!authenticate(?:,|\s|$)/m.test(listing)
  let password: boolean | undefined
  for (const text of listing.split('\n')) {
    const [, users = '', rule] = /^\s+\(([^)]*)\)\s*(.*)$/.exec(text) ?? []
    if (rule === undefined || !asRoot(users)) continue
    let tag = !noAuthentication
    for (const part of rule.split(/(?<!\\), /)) {
      const [, tags = '', allowed = ''] = /^((?:[A-Z_]+: *)*)(.*)$/.exec(part) ?? []
      if (/NOPASSWD:/.test(tags)) tag = false
      else if (/PASSWD:/.test(tags)) tag = true
      if ([line, command[0], 'ALL'].includes(unescaped(allowed.trim()))) password = tag
    }
  }
  return password
}
