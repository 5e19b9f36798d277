/** Runs the commands of a Taskfile against throw-away hosts, as a user would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { REHEARSAL } from '../runner/rehearsal.ts'
import { rehearseFaults } from './faults.ts'

export interface Runs {
  /** The program and the arguments before the command: node, `task`, `--taskfile`. */
  readonly program: readonly [string, ...string[]]
  /** The folder of the Taskfile. */
  readonly folder: string
  /** The file that the runs read. */
  readonly rehearsal: string
  readonly destination: string | undefined
  readonly signal: AbortSignal
  print(line: string): void
}

/** The environment of a run: it must not add to the page of a job either. */
export function environmentOf(
  env: NodeJS.ProcessEnv,
  { rehearsal, destination }: Pick<Runs, 'rehearsal' | 'destination'>,
) {
  const { GITHUB_STEP_SUMMARY: _, ...others } = env
  return { ...others, [REHEARSAL]: rehearsal, ...(destination !== undefined && { TASK_DESTINATION: destination }) }
}

/**
 * Runs a command, and resolves to its duration in milliseconds. An interruption waits until the command has cleaned up.
 *
 * @throws REHEARSAL_FAILED
 */
export async function runCommand(args: readonly string[], runs: Runs): Promise<number> {
  const { signal, print, folder: cwd, destination } = runs
  signal.throwIfAborted()
  const command = args.join(' ')
  print('')
  print(`$ task ${command}`)
  const began = performance.now()
  const [node, ...before] = runs.program
  const confirmed = destination === undefined || args.includes('--yes') ? args : [...args, '--yes']
  const child = spawn(node, [...before, ...confirmed], {
    cwd,
    env: environmentOf(process.env, runs),
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is passed on once, and not by the terminal as well.
    detached: true,
  })
  const interrupt = () => void child.kill('SIGINT')
  signal.addEventListener('abort', interrupt, { once: true })
  const printed = [child.stdout, child.stderr].map(stream => printing(stream, print))
  const code = await exitOf(child)
  signal.removeEventListener('abort', interrupt)
  await Promise.all(printed)
  signal.throwIfAborted()
  if (code !== 0) throw rehearseFaults.REHEARSAL_FAILED({ command, code, where: 'a throw-away host' })
  return performance.now() - began
}

async function printing(stream: NodeJS.ReadableStream, print: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) print(line)
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}
