/** What a promote's own measuring can find. */
import { catalogue, fault } from '../../runner/fault.ts'
import { failedOf, type Tally } from './tally.ts'

interface Failed {
  readonly slot: string
  readonly path: string
  readonly failures: number
  readonly sent: number
  readonly reasons: readonly string[]
  /** What was asked of the slot itself then. */
  readonly itself: Tally
}

const whatFailed = ({ slot, failures, sent, reasons }: Failed) =>
  `${failures} of ${sent} requests through the router failed after the switch to ${slot}: ${reasons.join(', ')}`

const BACK = 'The route before it was put back. '

export const probeFaults = catalogue({
  PROBES_FAILED: fault<Failed>({
    exit: 1,
    what: d => `${whatFailed(d)}.`,
    next: d =>
      `Ask ${d.path} in ${d.slot}, which is up and not live; \`probe: { tolerate }\` in the Taskfile allows some, \`--no-probe\` looks at none.`,
  }),
  ROUTE_FAILED: fault<Failed>({
    exit: 1,
    what: d => `${whatFailed(d)}. ${d.slot} itself answered ${d.itself.sent} of ${d.itself.sent}.`,
    next: d =>
      `Asked past the router, ${d.slot} answers: look at the router's error log and at what stands between the two, then promote again.`,
  }),
  RELEASE_NOT_PROVEN: fault<{ slot: string; why: string; itself: Tally; stays: boolean }>({
    exit: 1,
    what: d =>
      `The traffic did not provably move to ${d.slot}: ${d.why}. ${d.slot} itself failed ${failedOf(d.itself)}, too.`,
    next: d => `${d.stays ? '' : BACK}Look at the application in ${d.slot}.`,
  }),
  PROMOTE_NOT_PROVEN: fault<{ slot: string; why: string; stays: boolean }>({
    exit: 1,
    what: d => `The traffic did not provably move to ${d.slot}: ${d.why}.`,
    next: d =>
      d.stays ? 'Look at the router, then at `npx task status`.' : `${BACK}Look at the router, then promote again.`,
  }),
  TRAFFIC_STAYS: fault<{ why: string; slot: string }>({
    exit: 1,
    what: d => `${d.why}.`,
    next: d => `${d.slot} is live now, by the records, too: mend what failed, and deploy or promote from there.`,
  }),
  SLOT_RUNS_ON: fault<{ slot: string; why: string }>({
    exit: 1,
    what: d => `${d.slot} runs on: ${d.why}.`,
    next: d =>
      `Look at \`npx task status\`; \`npx task promote ${d.slot}\` sends the traffic to it, \`npx task retire\` stops a slot that is not live.`,
  }),
  REPORT_UNWRITABLE: fault<{ path: string; why: string }>({
    exit: 2,
    what: d => `The report ${d.path} cannot be written: ${d.why}.`,
    next: () => 'Name a file in a folder that is there, such as `--report promote.html`.',
  }),
})
