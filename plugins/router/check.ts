/** What the script of `Router.check` has found: warnings, or an error of the router. */
import { EXIT } from '../../host/exit-codes.ts'
import { commandFailed, type Query } from '../../host/query.ts'
import type { Script } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import { type Refusal, sudoRefusal } from '../../slots/sudo/refusal.ts'

/** The exit codes of the scripts of routers, by what they mean. */
export const { router: ROUTER_EXIT } = EXIT

interface Found {
  readonly host: string
  /** What the script printed. */
  readonly output: string
  /** The last line of that: with `guarded` and `stale` an HTTP status, if the script prints one. */
  readonly status: string
}

/** The errors of a router, by the exit code of its script. */
export interface CheckFaults {
  down(found: Found): Fault
  missing(found: Found): Fault
  stale?(found: Found): Fault
  guarded(found: Found): Fault
  invalid(found: Found): Fault
  sudoRefused(found: Found, refusal: Refusal): Fault
  /** The warning for what a script prints that exits with 0: it does not prevent a switch. */
  warning(found: Found): Fault
}

/**
 * @param script exits with a code of `ROUTER_EXIT`
 * @param test the command of root's in it that tests the configuration
 * @throws the error for that code; COMMAND_FAILED for any other code
 */
export const checkQuery = (script: Script, test: readonly string[], faults: CheckFaults): Query<readonly Fault[]> => ({
  script,
  async read(result, target) {
    const { code } = result
    const output = result.stdout.trim()
    const found = { host: target.name, output, status: output.split('\n').at(-1) ?? '' }
    if (code === 0) return output === '' ? [] : [faults.warning(found)]
    if (code === ROUTER_EXIT.down) throw faults.down(found)
    if (code === ROUTER_EXIT.missing) throw faults.missing(found)
    if (code === ROUTER_EXIT.stale && faults.stale) throw faults.stale(found)
    if (code === ROUTER_EXIT.guarded) throw faults.guarded(found)
    const refusal = await sudoRefusal(target, [test])
    if (refusal) throw faults.sudoRefused(found, refusal)
    if (code !== ROUTER_EXIT.invalid) throw commandFailed(target, script, result)
    throw faults.invalid(found)
  },
})
