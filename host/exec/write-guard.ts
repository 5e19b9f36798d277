/** Rejects writes of a run that has lost its lock: adds the check to each script that writes, and turns its exit code into an error. */
import { Fault } from '../../runner/fault.ts'
import type { Guard } from '../host.ts'
import { type Script, sh } from '../script.ts'
import { endedProcess, type Process, type Start } from './process.ts'
import { exitCode } from './run.ts'

/** Bytes of the end of stderr that `Guard.refusal` gets. */
const STDERR_TAIL = 16_384

/** The name of the guard as a function of bash. */
const NAME = '_guard'

/** The guard as a function, for a script that calls it. */
export const guardFunction = (line: Script): Script => ({ writes: false, text: `${NAME}() { ${line.text}\n}` })

/** Calls the guard; the function must be defined. */
export const callGuard: Script = { writes: false, text: NAME }

/** Calls the guard again, if there is one, for a script that takes long before it changes something. */
export const guardAgain: Script = sh.read`if declare -F ${NAME} > /dev/null; then ${NAME}; fi`

/** Starts scripts behind the guard. */
export function guardedBy(guard: Guard, start: Start): Start {
  return (text, label) => {
    try {
      const line = guard.script()
      if (line === undefined) return start(text, label)
      // On the first line of the script, so that the line numbers in bash's errors stay the same.
      return withGuardErrors(start(`${NAME}() { ${line.text}; }; ${NAME}; ${text}`, label), guard)
    } catch (error) {
      if (error instanceof Fault) return endedProcess(error)
      throw error
    }
  }
}

function withGuardErrors(process: Process, guard: Guard): Process {
  let stderr = Buffer.alloc(0)
  process.stderr.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_TAIL)
  })
  const ended = process.ended.then(ending =>
    ending instanceof Fault ? ending : (guard.refusal(exitCode(ending), stderr.toString()) ?? ending),
  )
  return { ...process, ended }
}
