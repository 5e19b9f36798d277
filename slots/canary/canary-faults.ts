/** Errors about a canary. */
import { catalogue, fault } from '../../runner/fault.ts'
import { failedOf, type Tally } from '../promote/tally.ts'

/** What two slots answered. */
export interface Figures {
  readonly canary: Tally
  readonly live: Tally
}

interface Taken {
  readonly slot: string
  readonly live: string
  readonly percent: number
  /** Our own requests. */
  readonly asked: Figures
  /** What the router has counted of all requests; undefined if it counts none. */
  readonly served: Figures | undefined
}

/** @example `green failed 12 of 100 requests, blue 0 of 100` */
export const figuresText = ({ slot, live }: Pick<Taken, 'slot' | 'live'>, { canary, live: of }: Figures): string =>
  `${slot} failed ${failedOf(canary)}, ${live} ${of.failed} of ${of.sent}`

export const canaryFaults = catalogue({
  CANARY_OFF: fault<{ router: string }>({
    exitCode: 2,
    message: () => 'The router of this project cannot send a share of the traffic to a slot.',
    hint: d =>
      `Add \`canary: true\` to the options of ${d.router}() in the Taskfile, and run \`npx task setup\`. nginx with \`mode: 'reload'\` has no canary.`,
  }),
  CANARY_FLAGS: fault<{ flag: string; percent: boolean }>({
    exitCode: 2,
    message: d =>
      d.percent
        ? `\`${d.flag}\` applies only when all traffic moves.`
        : `\`${d.flag}\` applies only to a share of the traffic.`,
    hint: d =>
      d.percent ? `Leave it out; \`--for 10m\` watches a share.` : `Add \`--percent 5\`, or leave \`${d.flag}\` out.`,
  }),
  CANARY_WITHOUT_LIVE: fault<{ slot: string }>({
    exitCode: 3,
    message: () => 'No slot is live, so there is no traffic to share.',
    hint: d => `Run \`npx task promote ${d.slot}\`.`,
  }),
  CANARY_IS_LIVE: fault<{ slot: string; other: string }>({
    exitCode: 3,
    message: d => `${d.slot} is live; only the other slot can get a share of the traffic.`,
    hint: d => `\`npx task promote ${d.other} --percent 5\` begins a canary; \`npx task promote ${d.slot}\` ends one.`,
  }),
  CANARY_RUNS: fault<{ slot: string; live: string; percent: number; switching?: boolean | undefined }>({
    exitCode: 3,
    message: d =>
      `${d.slot} gets ${d.percent} % of the traffic, ${d.switching ? 'since a rolling switch was cut off' : 'as a canary'}. It was not stopped.`,
    hint: d =>
      `\`npx task promote ${d.slot}\` moves all traffic there, and \`npx task promote ${d.live}\` takes the share back.`,
  }),
  SHARE_LEFT: fault<{ slot: string; live: string; percent: number; by: string; since: string }>({
    exitCode: 3,
    message: d =>
      `A rolling switch by ${d.by} was cut off: ${d.slot} gets ${d.percent} % of the traffic since ${d.since}, and ${d.live} the rest.`,
    hint: d =>
      `Nothing was changed. \`npx task repair --force ${d.slot}\` completes the switch, and \`npx task repair --force ${d.live}\` takes the share back.`,
  }),
  CANARY_UNVERIFIED: fault<{ slot: string; percent: number; why: string }>({
    exitCode: 1,
    message: d => `Could not verify that ${d.slot} gets ${d.percent} % of the traffic: ${d.why}.`,
    hint: () => 'The share is as it was before. Check the router, then run the command again.',
  }),
  CANARY_TAKEN_BACK: fault<Taken>({
    exitCode: 1,
    message: d =>
      `${d.slot} fails more than ${d.live}, and its ${d.percent} % were taken back: ${figuresText(d, d.asked)}.`,
    hint: d => `All traffic goes to ${d.live}. Check the application in ${d.slot}, which runs on.`,
    detail: d => d.served && `The router counted all requests meanwhile: ${figuresText(d, d.served)}.`,
  }),
  CANARY_STAYS: fault<{ slot: string; why: string }>({
    exitCode: 1,
    message: d => `Could not verify that ${d.slot} gets no traffic any more: ${d.why}.`,
    hint: () => 'Check `npx task status` and the router now.',
  }),
  CANARY_UNWATCHED: fault<{ host: string; slot: string }>({
    exitCode: 1,
    message: d => `The watch of ${d.slot} on ${d.host} was cut off.`,
    hint: () =>
      'The share is as it was before the command, if the host could be reached again: check `npx task status`.',
  }),
})
