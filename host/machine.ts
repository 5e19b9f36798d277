/** The primitives of a kind of machine. `open-host.ts` implements `Host` on top of them, so that SSH and this machine behave alike. */
import type { Readable, Writable } from 'node:stream'
import type { Traffic } from '../runner/task.ts'
import type { Files } from './files/files.ts'

export interface Machine extends AsyncDisposable {
  readonly name: string
  /** Resolves to a bash that runs `READER` and has reported that it is ready for its one script. Rejects with a `Fault`. */
  shell(): Promise<Session>
  /** Connects this program's terminal, or its plain standard streams without one, to a command. */
  attach(command: string): Promise<Ending>
  /** Opens the machine's files, over SSH by SFTP. Rejects with a `Fault`. */
  files(): Promise<Files>
  /** Closing the connection closes the stdin of spawned scripts, so that disposing need not wait for them. */
  readonly hangsUp?: boolean
  /** As in `Host`. */
  connect?(): void
  account(): Promise<string | undefined>
  traffic?(): Traffic
}

/** A process on a machine. */
export interface Session {
  /** Whether a long script should be sent to it gzipped: it is reached over a network, and has gzip. */
  readonly takesGzip?: boolean
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves when it has ended. Never rejects. */
  readonly closed: Promise<Ending>
  /** Sends a signal to its process group. */
  kill(signal: NodeJS.Signals): void
  /** Closes its streams without waiting for its end. */
  close(): void
}

/** How a process ended: with an exit code, or by a signal. */
export type Known =
  | { readonly code: number; readonly signal: null }
  | { readonly code: null; readonly signal: NodeJS.Signals }

/** The exit code is unknown. */
export interface Lost {
  /** The reason. */
  readonly lost: string
  /** Whether the whole connection was lost, and not this process alone. */
  readonly cut?: boolean
}

export type Ending = Known | Lost

export const isLost = (ending: Ending): ending is Lost => 'lost' in ending
