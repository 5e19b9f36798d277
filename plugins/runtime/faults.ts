/** What can go wrong with a slot's process. */
import { catalogue, fault } from '../../runner/fault.ts'
import type { Refusal } from '../../slots/sudo/refusal.ts'

export const runtimeFaults = catalogue({
  DISTRIBUTION_PORT_INVALID: fault<{ slot: string; port: number; why: string }>({
    exitCode: 2,
    message: d => `The distribution port ${d.port} of ${d.slot} cannot be used: ${d.why}.`,
    hint: () => 'Give `beam({ distributionPort: slot => ... })` a free port for each slot, from 1024 to 65535.',
  }),
  UNIT_MISSING: fault<{ host: string; unit: string }>({
    exitCode: 3,
    message: d => `${d.host} does not know the unit ${d.unit}.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  UNIT_SUDO_REFUSED: fault<{ host: string; unit: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, unit, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} control ${unit} without a password: \`${command}\`.`,
    hint: d => d.refusal.next,
    detail: d => d.refusal.said || undefined,
  }),
  SLOT_RUNS_ALREADY: fault<{ slot: string }>({
    exitCode: 3,
    message: d => `${d.slot} is running already; nothing was started over it.`,
    hint: d => `Stop ${d.slot} first: \`npx task stop-idle\`.`,
  }),
  SLOT_NAMES_OTHER_RELEASE: fault<{ slot: string; release: string }>({
    exitCode: 1,
    message: d => `${d.slot} does not point at the release ${d.release}, so that was not started.`,
    hint: () => 'Run `npx task deploy` again.',
  }),
  RELEASE_WITHOUT_SCRIPT: fault<{ release: string; script: string; advice: string }>({
    exitCode: 1,
    message: d => `The release ${d.release} has no program ${d.script}.`,
    hint: d => d.advice,
  }),
  START_FAILED: fault<{ slot: string; said: string }>({
    exitCode: 1,
    message: d => `The release in ${d.slot} did not start.`,
    hint: () => 'Read below what was said, mend that, and deploy again.',
    detail: d => d.said || undefined,
  }),
  START_PREVENTED: fault<{ slot: string; host: string; said: string }>({
    exitCode: 1,
    message: d =>
      `${d.host} could not start the release in ${d.slot}: ${d.said.split('\n').at(-1) || 'no reason given'}`,
    hint: () => 'Mend that on the host, then deploy again; nothing is held against the release.',
    detail: d => d.said || undefined,
  }),
  STOP_FAILED: fault<{ slot: string; said: string }>({
    exitCode: 1,
    message: d => `${d.slot} could not be stopped: its process is still there.`,
    hint: () => 'Look at the process on the host. Nothing was started in its place.',
    detail: d => d.said || undefined,
  }),
  MIGRATION_FAILED: fault<{ slot: string; release: string; code: number; output: string }>({
    exitCode: 1,
    message: d => `The migrations of ${d.release}, run for ${d.slot}, ended with exit code ${d.code}.`,
    hint: () => 'Read below which one failed and why. Nothing was promoted.',
    detail: d => d.output || undefined,
  }),
  MIGRATION_CUT_SHORT: fault<{ slot: string; release: string; output: string }>({
    exitCode: 1,
    message: d => `The migrations of ${d.release}, run for ${d.slot}, were ended before they had come to their end.`,
    hint: () =>
      'Look for who ended them (SIGTERM, or an `exit` or `System.halt` in `migrate`), then migrate again. Nothing was promoted.',
    detail: d => d.output || undefined,
  }),
  MIGRATION_TIMED_OUT: fault<{ slot: string; release: string; limit: number; output: string }>({
    exitCode: 1,
    message: d => `The migrations of ${d.release}, run for ${d.slot}, had no end within ${d.limit} s, and were ended.`,
    hint: () =>
      'See below what they waited for, such as a lock in the database; or raise `migrateLimit`. Nothing was promoted.',
    detail: d => d.output || undefined,
  }),
  RPC_FAILED: fault<{ slot: string; code: number; output: string }>({
    exitCode: 1,
    message: d => `The expression in ${d.slot} ended with exit code ${d.code}.`,
    hint: d => `If the node was not found, see whether ${d.slot} is running: \`npx task status\`.`,
    detail: d => d.output || undefined,
  }),
})
