/** Runs the commands of a build in its task. */
import type { PluginContext } from '../../slots/contracts.ts'
import { buildFaults } from './faults.ts'

const LAST_LINES = 30

/**
 * Runs a command in a folder and shows its output in the running task.
 *
 * @throws `BUILD_FAILED` with the last lines of output, or the abort reason if the run was interrupted
 */
export async function runInTask(
  { $, signal }: PluginContext,
  command: readonly [string, ...string[]],
  cwd: string,
  env?: NodeJS.ProcessEnv,
): Promise<void> {
  const { exitCode, stdall } = await $({ cwd, nothrow: true, ...(env && { env }) })`${command}`
  signal.throwIfAborted()
  if (exitCode === 0) return
  const output = stdall.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
  throw buildFaults.BUILD_FAILED({ command: command.slice(0, 2).join(' '), code: exitCode, output })
}
