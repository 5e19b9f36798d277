/** Checks that nginx is running, that the site is installed, that the whole configuration is valid, and that requests reach the application. */
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { commandFailed, type Query } from '../../../host/query.ts'
import { type Script, sh } from '../../../host/script.ts'
import { readAsRoot } from '../../../host/sudo.ts'
import type { Fault } from '../../../runner/fault.ts'
import { sudoRefusal } from '../../../slots/sudo/refusal.ts'
import { routerFaults } from '../faults.ts'
import { GUARDED, type Guard } from '../guard.ts'
import type { Program } from './site.ts'

const { missing: MISSING, down: DOWN, invalid: INVALID } = EXIT.router

export interface Checking {
  readonly program: Program
  /** The site is installed if at least one file of each list exists. */
  readonly files: readonly (readonly string[])[]
  /** Without a reload, only an error in these files prevents a switch; undefined if any error does. */
  readonly own: readonly string[] | undefined
  readonly guard: Guard
}

/**
 * Prints nginx's configuration errors. Problems that prevent a switch have exit codes of their own. Other problems must exit with 0, because a non-zero
 * code skips the switch that follows in the pipeline.
 */
export const checkScript = ({ program: { service, path, test }, files, own, guard }: Checking): Script =>
  program(new URL('./check.sh', import.meta.url), {
    parameters: {
      service,
      nginx: path,
      requireFiles: sh.lines(...files.map(paths => sh.read`require_one_of ${paths}`)),
      configTest: readAsRoot(test),
      requireForeign: own ? requireForeign(own) : sh.read`exit ${INVALID}`,
      startGuard: guard.begin,
      evaluateGuard: guard.end,
      ...EXIT.router,
    },
  })

/** Exits with `INVALID` unless the first nginx error in `$output` is in a file that is not ours. An error of sudo counts as `INVALID` too. */
const requireForeign = (own: readonly string[]): Script => sh.read`
  problem=$(grep -m 1 -E '\\[(emerg|alert|crit|error)\\]' <<< "$output") || exit ${INVALID}
  for file in ${own}; do case $problem in *" in $file:"*) exit ${INVALID} ;; esac; done`

/**
 * Resolves to warnings: errors in files of other sites, which do not prevent a switch.
 *
 * @throws `NGINX_DOWN`, `NGINX_NOT_SET_UP`, `NGINX_SUDO_REFUSED`, `NGINX_CONFIG_INVALID`, `NGINX_GUARDED`
 * @param path the path of the guard, for messages
 */
export function check(checking: Checking, path = '/'): Query<readonly Fault[]> {
  const script = checkScript(checking)
  return {
    script,
    async read(output, host) {
      const { code } = output
      const text = output.stdout.trim()
      if (code === 0) return text === '' ? [] : [routerFaults.NGINX_OTHERS_INVALID({ host: host.name, output: text })]
      if (code === DOWN) throw routerFaults.NGINX_DOWN({ host: host.name })
      if (code === MISSING) throw routerFaults.NGINX_NOT_SET_UP({ host: host.name, path: text })
      if (code === GUARDED)
        throw routerFaults.NGINX_GUARDED({
          host: host.name,
          path,
          status: text.split('\n').at(-1) ?? '',
        })
      const refusal = await sudoRefusal(host, [checking.program.test])
      if (refusal) throw routerFaults.NGINX_SUDO_REFUSED({ host: host.name, refusal })
      if (code !== INVALID) throw commandFailed(host, script, output)
      throw routerFaults.NGINX_CONFIG_INVALID({ host: host.name, output: text })
    },
  }
}
