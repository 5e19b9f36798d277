/** Runs the commands of a build in its task. */
import { brief } from '../../host/faults.ts'
import type { PluginContext } from '../../slots/contracts.ts'
import { buildFaults } from './faults.ts'

/** Of a long output: some programs give the reason first and then explain themselves, as npm does. */
const FIRST_LINES = 10
const LAST_LINES = 30

/** The first and the last lines of an output, and how many are left out between them. */
export function excerpt(output: string): string {
  const lines = output.trim().split('\n')
  const left = lines.length - FIRST_LINES - LAST_LINES
  if (left <= 1) return lines.join('\n')
  return [...lines.slice(0, FIRST_LINES), `... ${left} more lines ...`, ...lines.slice(-LAST_LINES)].join('\n')
}

/**
 * Runs a command in a folder and shows its output in the running task.
 *
 * @throws `BUILD_FAILED` with the first and the last lines of output, or the abort reason if the run was interrupted
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
  // Of a line for bash the line, of a program its subcommand.
  const name = command[0] === 'bash' ? brief(command.at(-1) ?? '') : command.slice(0, 2).join(' ')
  throw buildFaults.BUILD_FAILED({ command: name, code: exitCode, output: excerpt(stdall) })
}
