/** `task completion <shell>`, and `task completion -- <words>`, which its scripts run when Tab is pressed. */
import { readFileSync } from 'node:fs'
import { planOf } from '../engine/plan.ts'
import { capture } from '../output/capture.ts'
import { packageUrl } from '../package.ts'
import { withTimeout } from '../promises.ts'
import { redactor } from '../secrets/redact.ts'
import { definer } from '../task.ts'
import { arg } from './args.ts'
import { COMPLETION, type Commands, EXPLAIN, type OwnCommands } from './commands-of.ts'
import { candidateLines, candidates } from './completion.ts'
import { commandLine, type Globals, globalFlags, onlyFlagsOf, tokens, valueIn } from './flags.ts'
import { commandText } from './help.ts'

const completion = definer().task('Print the script that makes Tab complete `task` and `npx task`', {
  description:
    'The first lines of the script tell how to install it. Completion loads the Taskfile, and contacts nothing.',
  examples: ['completion bash', 'completion zsh', 'completion fish'],
  args: { shell: arg.choice(['bash', 'zsh', 'fish'], 'Which shell') },
  run: ({ shell, show }) => show(readFileSync(packageUrl(`bin/completion.${shell}`), 'utf8').trimEnd()),
})

/** Prints the script and nothing else. Needs no Taskfile, because a shell may run it from any folder. */
export function printScript(argv: readonly string[], help: boolean, print: (text: string) => void): void {
  const plan = planOf(COMPLETION, completion)
  if (help) {
    onlyFlagsOf(argv, plan)
    print(commandText(plan))
  } else completion.run?.({ ...commandLine(argv, plan), show: print })
}

/** Without complaints: the word at the cursor may be the value of the last flag. */
const chosenIn = (words: readonly string[]) => ({
  taskfile: valueIn(words, 'taskfile'),
  destination: valueIn(words, 'destination'),
})

/** Milliseconds that a completion may take: a Taskfile may wait for something while it is loaded. */
const TIMEOUT = 5000

const NO_COMMANDS: Commands = new Map()

/**
 * Prints the candidates for the last word; nothing if the command line or the Taskfile is invalid.
 *
 * @param own commands that need no Taskfile
 */
export async function printCandidates(
  words: readonly string[],
  own: OwnCommands,
  load: (globals: Pick<Globals, 'taskfile' | 'destination'>) => Promise<Commands>,
): Promise<void> {
  process.on('uncaughtException', () => undefined)
  const { out, onLine } = capture(process.stdout, process.stderr, redactor())
  onLine(() => undefined)
  try {
    const before = words.slice(0, -1)
    const named = tokens(before, globalFlags).find(token => token.kind === 'positional')?.value
    const commands =
      named !== undefined && Object.hasOwn(own, named)
        ? NO_COMMANDS
        : await withTimeout(TIMEOUT, load(chosenIn(before)))
    // `init` is for a folder without a Taskfile; `explain` is offered where a command is typed, and loaded only there.
    const without = named ?? EXPLAIN
    const task = Object.hasOwn(own, without) ? await own[without]?.() : undefined
    const more = [[COMPLETION, completion] as const, ...(task ? [[without, task] as const] : [])]
    if (commands) out(candidateLines(candidates(words, new Map([...commands, ...more]))))
  } catch {
    // Running the command reports the error.
  }
}
