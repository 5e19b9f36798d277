/** Carries out a setup plan, all or nothing. */

import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import type { Script } from '../../host/script.ts'
import { rootShell } from '../../host/sudo.ts'
import { lastLines } from '../../runner/units.ts'
import { slotFaults } from '../faults.ts'
import type { SetupPlan } from './plan.ts'
import { applyScript, ENDED, type Transaction, takeBackScript, writeScript } from './transaction.ts'

interface Work {
  readonly app: string
  /** The id of the run. */
  readonly deploy: string
  /** Called after the files are written and before any service reloads them: prepares what must exist when the router first reads its site. */
  readonly before?: (() => Promise<void>) | undefined
  /** Adds a remark to the step if the setup does not complete. */
  note(remark: string): void
}

/**
 * After any error every file is restored.
 * @throws `SETUP_REFUSED` or `SETUP_TAKEN_BACK` if the host rejects the files; `SETUP_NOT_TAKEN_BACK` if they could not be restored either.
 */
export async function install(host: Host, planned: SetupPlan, { app, deploy, before, note }: Work): Promise<void> {
  const transaction: Transaction = { app, deploy, groups: planned.groups, prepare: planned.prepare }
  const run = (script: Script) => host.run(rootShell, { input: script.text })
  const write = async (script: Script) => {
    const { code, stdout, stderr } = await run(script)
    if (code === 0) return
    const details = { host: host.name, output: lastLines(stdout) }
    if (code === ENDED.refused || code === ENDED.busy) throw slotFaults.SETUP_REFUSED(details)
    if (code === ENDED.takenBack) throw slotFaults.SETUP_TAKEN_BACK(details)
    if (code === ENDED.notBack) throw slotFaults.SETUP_NOT_TAKEN_BACK(details)
    throw hostFaults.COMMAND_FAILED({ host: host.name, command: rootShell.text, code, stderr: lastLines(stderr) })
  }
  try {
    await write(writeScript(transaction, before !== undefined))
    if (before === undefined) return
    await before()
    await write(applyScript(transaction))
  } catch (error) {
    // Ctrl-C, a lost connection, or an error in `before`. The host knows how far the transaction got.
    const { code, stdout } = await run(takeBackScript(transaction)).catch(() => ({ code: ENDED.gone, stdout: '' }))
    if (code === ENDED.takenBack) note('the files that were written have been restored')
    if (code === ENDED.notBack) throw slotFaults.SETUP_NOT_TAKEN_BACK({ host: host.name, output: lastLines(stdout) })
    throw error
  }
}
