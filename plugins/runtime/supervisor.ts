/** What runs a slot's process: systemd, or the release's own script on hosts without systemd. Pure: scripts and parsers for their output. */
import { EXIT } from '../../host/exit-codes.ts'
import type { Script } from '../../host/script.ts'
import type { HostFacts, LogFilter, LogPage, LogStream, Provision, Slot, SlotProcess } from '../../slots/contracts.ts'

export interface Supervisor {
  /** Name for error messages: the unit, or the slot's folder. */
  unit(slot: Slot): string
  /** Exits with `ALREADY` or `MISSING`, or with the supervisor's own code. */
  start(slot: Slot): Script
  /**
   * Prints `running` or `stopped` (the state before), then `yes` or `no` (whether it was killed), then the names of the killed processes if the slot has
   * several. Exits with `STUCK` if a process is still running.
   */
  stop(slot: Slot): Script
  /** As the methods of `Runtime`. For a slot that has other processes, or processes that run only in the live slot; `names` has their names. */
  readonly others?: Others | undefined
  process(slot: Slot): Script
  parseProcess(text: string): SlotProcess
  /** Prints the pid of the slot's process, or nothing if there is none. */
  pid(slot: Slot): Script
  log(slot: Slot): Script
  /** Returns the last lines that the application has written since its start. */
  parseLog(text: string, lines: number): string
  /** Prints the lines for a `LogPage`. Exits with the code of the program that reads the log, if that fails. */
  page(slot: Slot, filter: LogFilter): Script
  parsePage(text: string): LogPage
  follow(slot: Slot, filter: LogFilter, end: string): LogStream
  /** The command line that needs sudo to read the log, if any. */
  reads(slot: Slot): readonly string[] | undefined
  /** Whether each line has a time. */
  readonly timed: boolean
  provision(facts: HostFacts): Provision
}

/** The processes of a slot beside the one that serves requests. */
export interface Others {
  /** Prints the name of the first process that does not run, and exits with `ENDED`. */
  complete(slot: Slot): Script
  /** As `complete`, for the processes that it starts. */
  promoted(slot: Slot): Script
  /** Prints the same as `stop`. */
  demoted(slot: Slot, next: Slot | undefined): Script
}

/** Exit codes of these scripts. `MISSING`: the unit is not installed on the host. */
export const { already: ALREADY, missing: MISSING, ended: ENDED } = EXIT.process
