/** The account that we are logged in as, whether it can become root, and which tools the host lacks. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { HostFacts, Provision } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { missingTools, parseMissing, TOOLS } from '../tools.ts'

export interface Facts extends HostFacts {
  /** Root, or able to become root without a password. */
  readonly root: boolean
  readonly missing: readonly string[]
}

/** Prints user, group, `root` or `user` (whether we can become root), and the missing tools, one per line. */
export const factsScript = (tools: readonly string[]): Script => sh.read`
id -un
id -gn
if [ $EUID = 0 ] || sudo -n true 2>/dev/null; then echo root; else echo user; fi
${missingTools(tools)}`

/** The account alone. */
export const accountFacts: Query<Omit<Facts, 'missing'>> = capture(factsScript([]), text => {
  const [user = '', group = '', root] = text.split('\n')
  return { user, group, root: root === 'root' }
})

/**
 * @param name the name of the host in the error, if the project has several
 * @throws `TOOLS_MISSING`, with the command that installs them.
 */
export function facts(provisions: (facts: HostFacts) => readonly Provision[], name?: string): Query<Facts> {
  const required = provisions({ user: '', group: '' }).map(provision => provision.tools)
  const tools: Readonly<Record<string, string>> = Object.assign({}, TOOLS, ...required)
  return capture(factsScript(Object.keys(tools)), text => {
    const [user = '', group = '', root, ...missing] = text.split('\n')
    const lacking = parseMissing(missing, tools)
    if (lacking) throw slotFaults.TOOLS_MISSING({ ...lacking, host: name })
    return { user, group, root: root === 'root', missing }
  })
}
