/** The sudo rules of the deploying user. */

import { applicationRules } from '../as-application.ts'
import type { HostFacts, HostFile } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import { sudoLine } from '../sudo/refusal.ts'

export const SUDOERS = '/etc/sudoers.d'

/** The sudoers file: exactly these command lines, without wildcards, and what the user of the application may run. Format: sudoers(5). */
export function sudoersFile(
  app: string,
  { root, user: application }: Pick<Layout, 'root' | 'user'>,
  { user }: HostFacts,
  commands: readonly (readonly string[])[],
): HostFile {
  const ofApplication = application === undefined ? [] : applicationRules(user, application)
  const lines = [...new Set([...commands.map(command => sudoLine(user, [command])), ...ofApplication])]
  return {
    path: `${SUDOERS}/switchyard-${app}`,
    mode: 0o440,
    text: `# What deploying ${app} to ${root}/slots/ may do as root. Made by \`task setup\`.\n${lines.map(line => `${line}\n`).join('')}`,
    check: ['/usr/sbin/visudo', '-c', '-q', '-f'],
  }
}
