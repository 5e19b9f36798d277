/** Detects runs that look successful but are not: an early end of the process, and lost output. */
import type { Fault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'
import { nextTurn } from '../promises.ts'

/**
 * If the process exits with 0 before `settled` was called, because a task calls `process.exit()` or the event loop is empty, `report` gets a fault and
 * returns the exit code to use.
 */
export function guardExit(report: (fault: Fault) => number): { settled(): void } {
  const onExit = (code: number) => {
    if (code === 0) process.exitCode = report(runnerFaults.NO_RESULT(undefined))
  }
  process.once('exit', onExit)
  return { settled: () => void process.off('exit', onExit) }
}

type Stream = Pick<NodeJS.WriteStream, 'on' | 'write'>

/** Returns a function that waits until everything written to the stream is flushed, and resolves to the error if some of it was lost. */
export function trackWrites(stream: Stream): () => Promise<NodeJS.ErrnoException | undefined> {
  let lost: NodeJS.ErrnoException | undefined
  const note = (error: Error | null | undefined) => {
    if (error) lost ??= error
  }
  // The reader of our output, such as `head`, may close it; a deploy continues nevertheless.
  stream.on('error', note)
  return async () => {
    await new Promise<void>(resolve => stream.write('', error => resolve(note(error))))
    await nextTurn()
    return lost
  }
}
