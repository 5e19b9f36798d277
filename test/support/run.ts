/** A run for the tests of the runner, without its process hooks. */
import { dirname } from 'node:path'
import { planOf } from '../../runner/engine/plan.ts'
import type { Run } from '../../runner/engine/run.ts'
import type { RunEvent } from '../../runner/events.ts'
import { redactor } from '../../runner/secrets/redact.ts'
import type { AnyTask } from '../../runner/task.ts'

/** A run of a task that is defined in `file`; its renderer only passes the events to `handle`. */
export const runOf = (root: AnyTask, file: string, handle: (event: RunEvent) => void): Omit<Run, 'hooks'> => ({
  plan: planOf('it', root),
  values: {},
  source: { folder: dirname(file), files: [file] },
  dryRun: false,
  timings: false,
  redactor: redactor(),
  renderer: {
    handle,
    unwind: async () => undefined,
    leave: async () => undefined,
    ask: async () => undefined,
    close: async () => undefined,
  },
})
