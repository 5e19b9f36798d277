/** Errors of a promote: probes, verification and report. */
import { catalogue, fault } from '../../runner/fault.ts'
import { failedOf, type Tally } from './tally.ts'

interface Failed {
  readonly slot: string
  readonly path: string
  readonly failures: number
  readonly sent: number
  readonly reasons: readonly string[]
  /** Requests sent to the slot directly, without the router. */
  readonly direct: Tally
  /** Whether the router was reloaded meanwhile. */
  readonly reloaded?: boolean
}

const failuresText = ({ slot, failures, sent, reasons }: Failed) =>
  `${failures} of ${sent} requests through the router failed after the switch to ${slot}: ${reasons.join(', ')}`

const answerOf = (status: number) => (status === 0 ? 'no answer' : `status ${status}`)

const RESTORED = 'The previous route was restored. '

export const probeFaults = catalogue({
  PROBES_FAILED: fault<Failed>({
    exitCode: 1,
    message: d => `${failuresText(d)}.`,
    hint: d =>
      `Request ${d.path} from ${d.slot}, which is running but not live. To accept some failures, set \`probe: { tolerate }\` in the Taskfile; to skip the probes, use \`--no-probe\`.`,
    about:
      'While the traffic moves, the host itself sends requests through the router. Some of those that began after the switch failed. Unless the previous slot failed more, the traffic is back on it by now.',
  }),
  ROUTE_FAILED: fault<Failed>({
    exitCode: 1,
    message: d =>
      `${failuresText(d)}. ${d.slot} itself answered ${d.direct.sent} of ${d.direct.sent}.${d.reloaded ? ' Somebody reloaded the router meanwhile.' : ''}`,
    hint: d =>
      `${d.slot} answers when the router is bypassed: check the router's error log and what is between the two, then promote again.`,
  }),
  SOCKET_REFUSED: fault<{ slot: string; path: string; status: number }>({
    exitCode: 1,
    message: d =>
      `${d.slot} refuses a WebSocket at ${d.path}, which the previous slot accepted: ${answerOf(d.status)} instead of 101.`,
    hint: d =>
      `${RESTORED}Check in ${d.slot} which origins it accepts (\`check_origin\`, CORS), and its path for WebSockets.`,
  }),
  SOCKET_UNUSED: fault<{ path: string; status: number }>({
    exitCode: 1,
    message: d =>
      `No slot accepts a WebSocket at ${d.path}: ${answerOf(d.status)} instead of 101, so the switch compared none there.`,
    hint: () =>
      'Correct the path in `probe: { sockets }` of the Taskfile, with what the application wants behind it, such as `?vsn=2.0.0`.',
  }),
  RELEASE_UNVERIFIED: fault<{ slot: string; why: string; direct: Tally; stays: boolean }>({
    exitCode: 1,
    message: d =>
      `Could not verify that the traffic moved to ${d.slot}: ${d.why}. ${d.slot} itself also failed ${failedOf(d.direct)}.`,
    hint: d => `${d.stays ? '' : RESTORED}Check the application in ${d.slot}.`,
  }),
  PROMOTE_UNVERIFIED: fault<{ slot: string; why: string; stays: boolean }>({
    exitCode: 1,
    message: d => `Could not verify that the traffic moved to ${d.slot}: ${d.why}.`,
    hint: d =>
      d.stays ? 'Check the router, then `npx task status`.' : `${RESTORED}Check the router, then promote again.`,
    about:
      'A switch counts only if fresh connections through the router reach the new slot five times in a row and report its version. The files and the commands were fine, but the answers were not: look for a second server that answers for the site, a cache in front of it, or a router that did not read its configuration.',
  }),
  TRAFFIC_STAYS: fault<{ why: string; slot: string }>({
    exitCode: 1,
    message: d => `${d.why}.`,
    hint: d => `${d.slot} is live now, also in the records. Fix what failed, then deploy or promote again.`,
  }),
  SLOT_RUNS_ON: fault<{ slot: string; why: string }>({
    exitCode: 1,
    message: d => `${d.slot} was not stopped: ${d.why}.`,
    hint: d =>
      `Check \`npx task status\`; \`npx task promote ${d.slot}\` sends the traffic to it, \`npx task retire\` stops a slot that is not live.`,
  }),
  REPORT_UNWRITABLE: fault<{ path: string; why: string }>({
    exitCode: 2,
    message: d => `The report ${d.path} cannot be written: ${d.why}.`,
    hint: () => 'Name a file in an existing folder, such as `--report promote.html`.',
  }),
})
