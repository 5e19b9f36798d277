/** Runs a command whose input is that of this process, and whose lines are printed as the result of a step. */
import type { TaskContext } from '../runner/task.ts'
import type { Host } from './host.ts'
import type { Script } from './script.ts'

/** @returns the exit code of the command, as the result of the step */
export async function relay(
  host: Host,
  script: Script,
  { print, data }: Pick<TaskContext, 'print'> & { readonly data: Readonly<Record<string, string>> },
): Promise<{ readonly exitCode: number }> {
  const { code } = await host.run(script, {
    input: process.stdin,
    keep: false,
    onLine: (line, from) => print(line, { to: from, data: { ...data, from } }),
  })
  return { exitCode: code }
}
