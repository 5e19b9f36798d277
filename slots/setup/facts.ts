/** Who we are on a host, whether we can become root there, and which tools it lacks. */
import type { Host } from '../../host/host.ts'
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
export const lookAt = (tools: readonly string[]): Script => sh.read`
id -un
id -gn
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then echo root; else echo user; fi
${missingTools(tools)}`

/** Throws `TOOLS_MISSING` with the line that installs them. */
export async function facts(host: Host, provisions: (facts: HostFacts) => readonly Provision[]): Promise<Facts> {
  const wanted = provisions({ user: '', group: '' }).map(want => want.tools)
  const tools: Readonly<Record<string, string>> = Object.assign({}, TOOLS, ...wanted)
  const [user = '', group = '', root, ...missing] = (await host.ask(lookAt(Object.keys(tools)))).split('\n')
  const lacking = parseMissing(missing, tools)
  if (lacking) throw slotFaults.TOOLS_MISSING(lacking)
  return { user, group, root: root === 'root', missing }
}
