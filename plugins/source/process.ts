/** Commands of a build on this machine. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type { PluginContext } from '../../slots/contracts.ts'
import { buildFaults } from './faults.ts'

export interface Ended {
  /** `null` when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a short command to its end, also while the run is being interrupted: a Ctrl-C neither reaches it nor is waited for. For
 * what must not stay half done, and for looking. A program that is not there ends with 127, as in a shell.
 */
export function steadily(words: readonly [string, ...string[]]): Promise<Ended> {
  const [program, ...args] = words
  return new Promise(resolve => {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = Promise.all([text(child.stdout), text(child.stderr)])
    child.once('error', error => resolve({ code: 127, stdout: '', stderr: error.message }))
    child.once('close', code => void said.then(([stdout, stderr]) => resolve({ code, stdout, stderr })))
  })
}

const LAST_LINES = 30

/** Runs a command in a folder, its output in the task. Throws `BUILD_FAILED` with the last lines, or the reason of an interruption. */
export async function visibly(
  { $, signal }: PluginContext,
  words: readonly [string, ...string[]],
  cwd: string,
): Promise<void> {
  const { exitCode, stdall } = await $({ cwd, nothrow: true })`${words}`
  signal.throwIfAborted()
  if (exitCode === 0) return
  const said = stdall.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
  throw buildFaults.BUILD_FAILED({ command: words.slice(0, 2).join(' '), code: exitCode, said })
}
