/** The program `task`: the runner, and the commands of this package that need no Taskfile. */
import { EXPLAIN, INIT } from './runner/cli/commands-of.ts'
import { main as run } from './runner/cli/main.ts'

export const main = (argv: readonly string[]): Promise<number> =>
  run(argv, {
    [INIT]: async () => (await import('./init/command.ts')).init,
    [EXPLAIN]: async () => (await import('./runner/cli/explain.ts')).explain,
  })
