/** Rejects the writes of a run that has lost its lock: adds the check to each writing script, and turns its exit code into an error. */
import { Fault } from '../../runner/fault.ts'
import type { Guard } from '../host.ts'
import { ended, type Process, type Start } from './process.ts'
import { exitCode } from './run.ts'

/** How much of the end of its stderr a guard gets to see, in bytes. */
const SEEN = 16_384

export interface Guarded {
  /** Starts a script that changes something, behind the guard's line. */
  readonly start: Start
  /** Starts a script that has the guard's line in itself, at the place where it has to stand. */
  readonly judged: Start
}

export function guardedBy(guard: Guard, begin: Start): Guarded {
  const judged: Start = (text, label) => judge(begin(text, label), guard)
  return {
    judged,
    start(text, label) {
      try {
        const line = guard.script()
        // On the script's own first line, so that bash counts its lines as ever.
        return line === undefined ? begin(text, label) : judged(`${line.text}; ${text}`, label)
      } catch (error) {
        if (error instanceof Fault) return ended(error)
        throw error
      }
    },
  }
}

function judge(process: Process, guard: Guard): Process {
  let said = Buffer.alloc(0)
  process.stderr.on('data', (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]).subarray(-SEEN)
  })
  const judged = process.ended.then(ending =>
    ending instanceof Fault ? ending : (guard.refusal(exitCode(ending), said.toString()) ?? ending),
  )
  return { ...process, ended: judged }
}
