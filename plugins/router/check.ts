/** Whether nginx runs, knows the site, and accepts its whole configuration. */
import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'
import { readAsRoot } from '../../slots/root.ts'
import { sudoRefusal } from '../../slots/sudo/refusal.ts'
import { routerFaults } from './faults.ts'
import type { Program } from './site.ts'

const MISSING = 80
const DOWN = 81
const INVALID = 82

/** Prints what nginx says. Exit codes of its own tell what is wrong. */
export const checkScript = ({ path, service, test }: Program, files: readonly (readonly string[])[]): Script => sh.read`
export LC_ALL=C
if ! systemctl is-active --quiet ${service} 2>/dev/null; then
  pid=$(cat "$(${path} -V 2>&1 | tr ' ' '\n' | sed -n 's/^--pid-path=//p')" 2>/dev/null || :)
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null || :)" != nginx ]; then exit ${DOWN}; fi
fi
known() {
  for file; do if [ -e "$file" ]; then return 0; fi; done
  echo "$1"
  exit ${MISSING}
}
${sh.lines(...files.map(paths => sh.read`known ${paths}`))}
${readAsRoot(test)} 2>&1 || exit ${INVALID}`

/** Throws `NGINX_DOWN`, `NGINX_NOT_SET_UP`, `NGINX_SUDO_REFUSED` or `NGINX_CONFIG_INVALID`. */
export async function check(host: Host, program: Program, files: readonly (readonly string[])[]): Promise<void> {
  const { code, stdout, stderr } = await host.run(checkScript(program, files))
  if (code === 0) return
  const said = stdout.trim()
  if (code === DOWN) throw routerFaults.NGINX_DOWN({ host: host.name })
  if (code === MISSING) throw routerFaults.NGINX_NOT_SET_UP({ host: host.name, path: said })
  const refusal = await sudoRefusal(host, [program.test])
  if (refusal) throw routerFaults.NGINX_SUDO_REFUSED({ host: host.name, refusal })
  if (code !== INVALID)
    throw hostFaults.COMMAND_FAILED({ host: host.name, command: checkScript(program, files).text, code, stderr })
  throw routerFaults.NGINX_CONFIG_INVALID({ host: host.name, said })
}
