/** What a promote's own measuring can find. */
import { catalogue, fault } from '../../runner/faults.ts'

export const probeFaults = catalogue({
  PROBES_FAILED: fault<{ slot: string; path: string; failures: number; sent: number; reasons: readonly string[] }>({
    exit: 1,
    what: d =>
      `${d.failures} of ${d.sent} requests through the router failed after the switch to ${d.slot}: ${d.reasons.join(', ')}.`,
    next: d =>
      `Ask ${d.path} in ${d.slot}, which is up and not live; \`probe: { tolerate }\` in the Taskfile allows some, \`--no-probe\` looks at none.`,
  }),
  REPORT_UNWRITABLE: fault<{ path: string; why: string }>({
    exit: 2,
    what: d => `The report ${d.path} cannot be written: ${d.why}.`,
    next: () => 'Name a file in a folder that is there, such as `--report promote.html`.',
  }),
})
