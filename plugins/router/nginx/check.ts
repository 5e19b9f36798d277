/** Whether nginx runs, knows the site, and accepts its whole configuration; and whether the application is asked at all. */

import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { commandFailed, type Query } from '../../../host/query.ts'
import { type Script, sh } from '../../../host/script.ts'
import { readAsRoot } from '../../../host/sudo.ts'
import type { Fault } from '../../../runner/fault.ts'
import { sudoRefusal } from '../../../slots/sudo/refusal.ts'
import { routerFaults } from '../faults.ts'
import { GUARDED, type Guard, guardBegin, guardEnd } from '../guard.ts'
import type { Program } from './site.ts'

const { missing: MISSING, down: DOWN, invalid: INVALID } = EXIT.router

export interface Checking {
  readonly program: Program
  /** Without one file of each of these lists nginx does not know this site. */
  readonly files: readonly (readonly string[])[]
  /** Where nothing is reloaded, only an error in these files keeps the traffic from moving. */
  readonly own: readonly string[] | undefined
  readonly guard: Guard | undefined
}

/**
 * Prints what nginx says against its configuration. Exit codes of its own tell what keeps the traffic from moving: what does not must end with 0, or
 * the switch behind it in the batch is skipped.
 */
export const checkScript = ({ program: { service, path, test }, files, own, guard }: Checking): Script =>
  program(new URL('./check.sh', import.meta.url), {
    parameters: {
      service,
      nginx: path,
      knowAll: sh.lines(...files.map(paths => sh.read`known ${paths}`)),
      configTest: readAsRoot(test),
      othersAlone: own ? othersAlone(own) : sh.read`exit ${INVALID}`,
      askThrough: guardBegin(guard),
      judgeGuard: guardEnd(guard),
      ...EXIT.router,
    },
  })

/** Exits unless nginx complains of a file that is none of these. What sudo says is no complaint of nginx. */
const othersAlone = (own: readonly string[]): Script => sh.read`
  problem=$(grep -m 1 -E '\\[(emerg|alert|crit|error)\\]' <<< "$said") || exit ${INVALID}
  for file in ${own}; do case $problem in *" in $file:"*) exit ${INVALID} ;; esac; done`

/**
 * Throws `NGINX_DOWN`, `NGINX_NOT_SET_UP`, `NGINX_SUDO_REFUSED`, `NGINX_CONFIG_INVALID` or `NGINX_GUARDED`. Results in what is wrong with
 * others' files where that keeps nothing from moving.
 */
export function check(checking: Checking): Query<readonly Fault[]> {
  const script = checkScript(checking)
  return {
    script,
    async read(output, host) {
      const { code } = output
      const said = output.stdout.trim()
      if (code === 0) return said === '' ? [] : [routerFaults.NGINX_OTHERS_INVALID({ host: host.name, said })]
      if (code === DOWN) throw routerFaults.NGINX_DOWN({ host: host.name })
      if (code === MISSING) throw routerFaults.NGINX_NOT_SET_UP({ host: host.name, path: said })
      if (code === GUARDED)
        throw routerFaults.NGINX_GUARDED({
          host: host.name,
          path: checking.guard?.path ?? '/',
          status: said.split('\n').at(-1) ?? '',
        })
      const refusal = await sudoRefusal(host, [checking.program.test])
      if (refusal) throw routerFaults.NGINX_SUDO_REFUSED({ host: host.name, refusal })
      if (code !== INVALID) throw commandFailed(host, script, output)
      throw routerFaults.NGINX_CONFIG_INVALID({ host: host.name, said })
    },
  }
}
