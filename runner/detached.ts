/** Short commands on this machine. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface ProcessResult {
  /** `null` if a signal terminated the process. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a short command in its own process group, so that Ctrl-C does not interrupt it. For queries, and for commands that must not be left half done.
 * Resolves with code 127 if the program does not exist, like a shell.
 */
export function runDetached(command: readonly [string, ...string[]]): Promise<ProcessResult> {
  const [program, ...args] = command
  return new Promise(resolve => {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = Promise.all([text(child.stdout), text(child.stderr)])
    child.once('error', error => resolve({ code: 127, stdout: '', stderr: error.message }))
    child.once('close', code => void output.then(([stdout, stderr]) => resolve({ code, stdout, stderr })))
  })
}
