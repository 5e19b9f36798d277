/**
 * The least that a kind of machine must offer; all that `Host` promises is built on it, once, in `open-host.ts`. So SSH
 * and this machine behave alike.
 */
import type { Readable, Writable } from 'node:stream'

export interface Machine extends AsyncDisposable {
  readonly name: string
  /** A bash that runs `READER` and waits for its one script. Rejects with a `Fault`. */
  shell(): Promise<Session>
  /** Gives this program's terminal, or its plain standard streams where there is none, to a command. */
  attach(command: string): Promise<Ending>
}

/** A process on a machine. */
export interface Session {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** How it ended; never rejects. */
  readonly closed: Promise<Ending>
  /** Sends a signal to the process group that `pid` leads. */
  kill(pid: number, signal: NodeJS.Signals): void
  /** Lets go of it without waiting. */
  close(): void
}

/** An exit code, or the signal that ended it, or why nobody knows: `lost`. */
export type Ending =
  | { readonly code: number; readonly signal: null }
  | { readonly code: null; readonly signal: NodeJS.Signals }
  | { readonly code: null; readonly signal: null; readonly lost: string }

export const isLost = (ending: Ending): ending is Extract<Ending, { lost: string }> => 'lost' in ending
