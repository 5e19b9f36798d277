/** Does what a setup planned: all of it, or nothing. */

import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { lastLines, type Script } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { SetupPlan } from './plan.ts'
import { applied, ENDED, type Transaction, takenBack, throughRoot, written } from './transaction.ts'

interface Work {
  readonly app: string
  /** The run's id. */
  readonly deploy: string
  /** Called when the files stand there and nothing was told to read them: what must be in place when the router first sees its site goes there. */
  readonly before?: (() => Promise<void>) | undefined
  /** The last remark of a setup that did not come to its end. */
  note(remark: string): void
}

/** Throws `SETUP_REFUSED` or `SETUP_TAKEN_BACK` when the host does not want it; then, as after any other error, every file is as it was. */
export async function install(host: Host, planned: SetupPlan, { app, deploy, before, note }: Work): Promise<void> {
  const transaction: Transaction = { app, deploy, groups: planned.groups, prepare: planned.prepare }
  const run = (script: Script) => host.run(throughRoot, { input: script.text })
  const write = async (script: Script) => {
    const { code, stdout, stderr } = await run(script)
    if (code === 0) return
    const said = lastLines(stdout)
    if (code === ENDED.refused || code === ENDED.busy) throw slotFaults.SETUP_REFUSED({ host: host.name, said })
    if (code === ENDED.takenBack) throw slotFaults.SETUP_TAKEN_BACK({ host: host.name, said })
    if (code === ENDED.notBack) throw slotFaults.SETUP_NOT_TAKEN_BACK({ host: host.name, said })
    throw hostFaults.COMMAND_FAILED({ host: host.name, command: throughRoot.text, code, stderr: lastLines(stderr) })
  }
  try {
    await write(written(transaction, before !== undefined))
    if (before === undefined) return
    await before()
    await write(applied(transaction))
  } catch (error) {
    // Ctrl-C, a lost connection, or what had to come between: the host knows how far it came.
    const { code, stdout } = await run(takenBack(transaction)).catch(() => ({ code: ENDED.gone, stdout: '' }))
    if (code === ENDED.takenBack) note('what it had written was put back')
    if (code === ENDED.notBack) throw slotFaults.SETUP_NOT_TAKEN_BACK({ host: host.name, said: lastLines(stdout) })
    throw error
  }
}
