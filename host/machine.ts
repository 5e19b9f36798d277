/**
 * The least that a kind of machine must offer; all that `Host` promises is built on it, once, in `open-host.ts`. So SSH
 * and this machine behave alike.
 */
import type { Readable, Writable } from 'node:stream'
import type { Traffic } from '../runner/task.ts'

export interface Machine extends AsyncDisposable {
  readonly name: string
  /** A bash that runs `READER` and has said that it waits for its one script. Rejects with a `Fault`. */
  shell(): Promise<Session>
  /** Gives this program's terminal, or its plain standard streams where there is none, to a command. */
  attach(command: string): Promise<Ending>
  /** Closing the connection closes the standard input of held scripts, so that disposing need not wait for them. */
  readonly hangsUp?: boolean
  /** As in `Host`. */
  connect?(): void
  account(): Promise<string | undefined>
  traffic?(): Traffic
}

/** A process on a machine. */
export interface Session {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** How it ended; never rejects. */
  readonly closed: Promise<Ending>
  /** Sends a signal to its process group. */
  kill(signal: NodeJS.Signals): void
  /** Lets go of it without waiting. */
  close(): void
}

/** How a process ended: with an exit code, or by a signal. */
export type Known =
  | { readonly code: number; readonly signal: null }
  | { readonly code: null; readonly signal: NodeJS.Signals }

/** Why nobody knows how it ended. */
export interface Lost {
  readonly lost: string
  /** Whether the whole connection is gone, and not this process alone. */
  readonly cut?: boolean
}

export type Ending = Known | Lost

export const isLost = (ending: Ending): ending is Lost => 'lost' in ending
