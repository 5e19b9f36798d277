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
    exitCode: 1,
    message: d => `${whatFailed(d)}.`,
    hint: d =>
      `Ask ${d.path} in ${d.slot}, which is up and not live; \`probe: { tolerate }\` in the Taskfile allows some, \`--no-probe\` looks at none.`,
  }),
  ROUTE_FAILED: fault<Failed>({
    exitCode: 1,
    message: d => `${whatFailed(d)}. ${d.slot} itself answered ${d.itself.sent} of ${d.itself.sent}.`,
    hint: d =>
      `Asked past the router, ${d.slot} answers: look at the router's error log and at what stands between the two, then promote again.`,
  }),
  RELEASE_UNVERIFIED: fault<{ slot: string; why: string; itself: Tally; stays: boolean }>({
    exitCode: 1,
    message: d =>
      `The traffic did not provably move to ${d.slot}: ${d.why}. ${d.slot} itself failed ${failedOf(d.itself)}, too.`,
    hint: d => `${d.stays ? '' : BACK}Look at the application in ${d.slot}.`,
  }),
  PROMOTE_UNVERIFIED: fault<{ slot: string; why: string; stays: boolean }>({
    exitCode: 1,
    message: d => `The traffic did not provably move to ${d.slot}: ${d.why}.`,
    hint: d =>
      d.stays ? 'Look at the router, then at `npx task status`.' : `${BACK}Look at the router, then promote again.`,
  }),
  TRAFFIC_STAYS: fault<{ why: string; slot: string }>({
    exitCode: 1,
    message: d => `${d.why}.`,
    hint: d => `${d.slot} is live now, by the records, too: mend what failed, and deploy or promote from there.`,
  }),
  SLOT_RUNS_ON: fault<{ slot: string; why: string }>({
    exitCode: 1,
    message: d => `${d.slot} runs on: ${d.why}.`,
    hint: d =>
      `Look at \`npx task status\`; \`npx task promote ${d.slot}\` sends the traffic to it, \`npx task retire\` stops a slot that is not live.`,
  }),
  REPORT_UNWRITABLE: fault<{ path: string; why: string }>({
    exitCode: 2,
    message: d => `The report ${d.path} cannot be written: ${d.why}.`,
    hint: () => 'Name a file in a folder that is there, such as `--report promote.html`.',
  }),
})
