/** Keeps an ending that is no success from looking like one: a run that was cut short, and output that nobody got. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'

/**
 * When the process ends with 0 before `settled` was called, as when a task calls `process.exit()`, or when nothing is left to happen,
 * that is told, and it ends with the exit code that `tell` returns.
 */
export function whenCutShort(tell: (fault: Fault) => number): { settled(): void } {
  const ending = (code: number) => {
    if (code === 0) process.exitCode = tell(runnerFaults.NO_RESULT(undefined))
  }
  process.once('exit', ending)
  return { settled: () => void process.off('exit', ending) }
}

type Stream = Pick<NodeJS.WriteStream, 'on' | 'write'>

/** Resolves when all that was written to a stream is out, to the reason why some of it was lost, if it was. */
export function whatIsLost(stream: Stream): () => Promise<NodeJS.ErrnoException | undefined> {
  let lost: NodeJS.ErrnoException | undefined
  const note = (error: Error | null | undefined) => {
    if (error) lost ??= error
  }
  // Who reads our output may leave, as `head` does. A deploy goes on to its end.
  stream.on('error', note)
  return async () => {
    await new Promise<void>(resolve => stream.write('', error => resolve(note(error))))
    await nextTurn()
    return lost
  }
}
