/** What keeps a slot's process: systemd, or nobody but the release's own script. Pure: scripts, and how to read what they print. */
import { EXIT } from '../../host/exit-codes.ts'
import type { Script } from '../../host/script.ts'
import type { HostFacts, Provision, Slot, SlotProcess } from '../../slots/contracts.ts'

export interface Supervisor {
  /** What a fault names: the unit, or the folder. */
  unit(slot: Slot): string
  /** Exits with `ALREADY` or `MISSING`, or with the supervisor's own code. */
  start(slot: Slot): Script
  /** Prints `running` or `stopped` (what it was), then `yes` or `no` (whether it was killed). Exits with `STUCK` when the process is still there. */
  stop(slot: Slot): Script
  process(slot: Slot): Script
  parseProcess(text: string): SlotProcess
  /** Prints the pid of the slot's process; nothing when there is none. */
  pid(slot: Slot): Script
  log(slot: Slot): Script
  /** The last lines of what the application wrote since its start. */
  parseLog(text: string, lines: number): string
  provision(facts: HostFacts): Provision
}

/** Exit codes of these scripts. `MISSING`: the host is not set up for it. */
export const { already: ALREADY, missing: MISSING, stuck: STUCK } = EXIT.process
