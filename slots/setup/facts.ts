/** Who we are on a host, whether we can become root there, and which tools it lacks. */
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

/** Prints user, group, whether root can be had, and which tools are missing. */
export const factsScript = (tools: readonly string[]): Script => sh.read`
id -un
id -gn
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then echo root; else echo user; fi
${missingTools(tools)}`

/** Throws `TOOLS_MISSING` with the line that installs them. */
export function facts(provisions: (facts: HostFacts) => readonly Provision[]): Query<Facts> {
  const wanted = provisions({ user: '', group: '' }).map(want => want.tools)
  const tools: Readonly<Record<string, string>> = Object.assign({}, TOOLS, ...wanted)
  return capture(factsScript(Object.keys(tools)), text => {
    const [user = '', group = '', root, ...missing] = text.split('\n')
    const lacking = parseMissing(missing, tools)
    if (lacking) throw slotFaults.TOOLS_MISSING(lacking)
    return { user, group, root: root === 'root', missing }
  })
}
