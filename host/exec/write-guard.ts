/** Rejects the writes of a run that has lost its lock: adds the check to each writing script, and turns its exit code into an error. */
import { Fault } from '../../runner/fault.ts'
import type { Guard } from '../host.ts'
import { type Script, sh } from '../script.ts'
import { ended, type Process, type Start } from './process.ts'
import { exitCode } from './run.ts'

/** How much of the end of its stderr a guard gets to see, in bytes. */
const SEEN = 16_384

/** The function under which a script finds its guard. */
const NAME = '_guard'

/** The guard as a function, for a script that calls it. */
export const guardFunction = (line: Script): Script => ({ writes: false, text: `${NAME}() { ${line.text}\n}` })

/** A call of the guard: once the function is there. */
export const callGuard: Script = { writes: false, text: NAME }

/** For a script that takes long before it changes something: asks the guard again, where there is one. */
export const guardAgain: Script = sh.read`if declare -F ${NAME} > /dev/null; then ${NAME}; fi`

/** Starts a script that changes something, behind the guard. */
export function guardedBy(guard: Guard, begin: Start): Start {
  return (text, label) => {
    try {
      const line = guard.script()
      if (line === undefined) return begin(text, label)
      // On the script's own first line, so that bash counts its lines as ever.
      return withGuardErrors(begin(`${NAME}() { ${line.text}; }; ${NAME}; ${text}`, label), guard)
    } catch (error) {
      if (error instanceof Fault) return ended(error)
      throw error
    }
  }
}

function withGuardErrors(process: Process, guard: Guard): Process {
  let said = Buffer.alloc(0)
  process.stderr.on('data', (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]).subarray(-SEEN)
  })
  const judged = process.ended.then(ending =>
    ending instanceof Fault ? ending : (guard.refusal(exitCode(ending), said.toString()) ?? ending),
  )
  return { ...process, ended: judged }
}
