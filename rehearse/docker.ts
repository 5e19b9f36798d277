/** The local Docker engine, through its program. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { lastLine, lastLines } from '../runner/units.ts'
import { rehearseFaults } from './faults.ts'

const run = promisify(execFile)

/** An error of a program with what it has printed. */
export const outputOf = (error: unknown): string => {
  const { stderr = '', stdout = '', message } = error as Error & { stderr?: string; stdout?: string }
  return lastLines(stderr.trim() || stdout.trim() || message)
}

/** Runs the program to its end, and resolves to its standard output. Rejects with an error that `outputOf` reads. */
export async function docker(args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { stdout } = await run('docker', args, { maxBuffer: 1 << 26, ...(signal && { signal }) })
  return stdout.trim()
}

/** @throws REHEARSAL_NO_ENGINE */
export async function assertEngine(signal: AbortSignal): Promise<void> {
  await docker(['version', '--format', '{{.Server.Version}}'], signal).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted()
    const why = error.code === 'ENOENT' ? 'the program `docker` is not installed' : lastLine(outputOf(error))
    throw rehearseFaults.REHEARSAL_NO_ENGINE({ why }, error)
  })
}
