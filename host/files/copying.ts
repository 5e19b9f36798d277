/** What an operation that copies files needs of its host. */
import { Fault } from '../../runner/fault.ts'
import type { Process, Start } from '../exec/process.ts'
import { run, type Tapped } from '../exec/run.ts'
import { hostFaults } from '../faults.ts'
import type { Machine } from '../machine.ts'
import type { Output, Script } from '../script.ts'
import { FileProblem, type Files } from './files.ts'

export interface Copying {
  readonly host: string
  /** Runs a script that only reads. */
  read(script: Script, options?: Tapped): Promise<Output>
  /** Runs a script behind the guard. `feed` writes its input. */
  write(script: Script, options: Tapped, feed: (process: Process) => unknown): Promise<Output>
  /** Opens the files for one operation. An interruption of the run ends it. */
  withFiles<T>(label: string, use: (files: Files) => Promise<T>): Promise<T>
}

/** @param start starts a script behind the guard, `begin` without it */
export function copyingOn(machine: Machine, begin: Start, start: Start, signal: AbortSignal): Copying {
  const host = machine.name
  return {
    host,
    read: (script, options) => run(host, begin, script, options),
    write: (script, options, feed) => run(host, start, script, options, feed),
    async withFiles(label, use) {
      // What starts after an interruption undoes earlier steps: it is not ended.
      const wasAborted = signal.aborted
      const interrupted = () => signal.aborted && !wasAborted
      const files = await machine.files()
      const close = () => files.close()
      if (!wasAborted) signal.addEventListener('abort', close, { once: true })
      try {
        if (interrupted()) throw signal.reason
        return await use(files)
      } catch (error) {
        if (interrupted()) throw hostFaults.COMMAND_INTERRUPTED({ host, command: label })
        throw error
      } finally {
        signal.removeEventListener('abort', close)
        files.close()
      }
    },
  }
}

/** Turns a problem with a file of the host into its fault. */
export const unreadable =
  (host: string, path: string) =>
  (error: unknown): never => {
    if (error instanceof Fault || !(error instanceof FileProblem)) throw error
    throw hostFaults.HOST_FILE_UNREADABLE({ host, path, reason: error.message }, error)
  }
