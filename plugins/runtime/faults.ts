/** Errors of a slot's process. */
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
    message: d => `The unit ${d.unit} does not exist on ${d.host}.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to preview the changes.',
  }),
  UNIT_SUDO_REFUSED: fault<{ host: string; unit: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, unit, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} control ${unit} without a password: \`${command}\`.`,
    hint: d => d.refusal.hint,
    detail: d => d.refusal.stderr || undefined,
  }),
  SLOT_RUNS_ALREADY: fault<{ slot: string }>({
    exitCode: 3,
    message: d => `${d.slot} is already running; nothing was started.`,
    hint: d => `Stop ${d.slot} first: \`npx task stop-idle\`.`,
  }),
  SLOT_NAMES_OTHER_RELEASE: fault<{ slot: string; release: string }>({
    exitCode: 1,
    message: d => `${d.slot} does not point to the release ${d.release}, which was therefore not started.`,
    hint: () => 'Run `npx task deploy` again.',
  }),
  RELEASE_WITHOUT_SCRIPT: fault<{ release: string; script: string; advice: string }>({
    exitCode: 1,
    message: d => `The release ${d.release} has no program ${d.script}.`,
    hint: d => d.advice,
  }),
  FILES_FOLDER_MISSING: fault<{ release: string; path: string }>({
    exitCode: 1,
    message: d => `The release ${d.release} has no folder ${d.path}.`,
    hint: () => 'Compare the folders in the artifact with `files({ folder })` or `php({ root })`.',
  }),
  FILES_UNREADABLE: fault<{ release: string; path: string }>({
    exitCode: 1,
    message: d =>
      `nginx could not read ${d.path || 'the root'} of the release ${d.release}, which only its owner may read.`,
    hint: () =>
      'Build the artifact with files that everybody may read (`umask 022`, `chmod -R a+rX`), and deploy again.',
  }),
  RELEASE_UNREADABLE: fault<{ release: string; path: string; user: string }>({
    exitCode: 1,
    message: d => `${d.user} may not read ${d.path} of the release ${d.release}, which the application runs as.`,
    hint: () =>
      'Build the artifact with files that everybody may read (`umask 022`, `chmod -R a+rX`), and deploy again. Pass secrets in the environment.',
  }),
  START_FAILED: fault<{ slot: string; output: string }>({
    exitCode: 1,
    message: d => `The release in ${d.slot} did not start.`,
    hint: () => 'Fix the error shown above and deploy again.',
    detail: d => d.output || undefined,
    about:
      'systemd started the release and it ended. The live slot was not touched. Typical reasons: a program in `start` that the host lacks or has in another version, a missing variable, or a port that the application does not take from `PORT`.',
  }),
  START_PREVENTED: fault<{ slot: string; host: string; output: string }>({
    exitCode: 1,
    message: d =>
      `${d.host} could not start the release in ${d.slot}: ${d.output.split('\n').at(-1) || 'no reason given'}`,
    hint: () => 'Fix this on the host and deploy again; the release is not marked as bad.',
    detail: d => d.output || undefined,
  }),
  STOP_FAILED: fault<{ slot: string; output: string }>({
    exitCode: 1,
    message: d => `${d.slot} could not be stopped: its process is still running.`,
    hint: () => 'Inspect the process on the host. Nothing was started in its place.',
    detail: d => d.output || undefined,
  }),
  PROCESS_FAILED: fault<{ slot: string; process: string; output: string }>({
    exitCode: 1,
    message: d => `The process ${d.process} of ${d.slot} is not running.`,
    hint: d => `Fix the error shown above and deploy again. \`npx task status\` shows what runs in ${d.slot}.`,
    detail: d => d.output || undefined,
    about:
      'A slot is its process that serves requests and all of its `processes`. One of the others ended after its start, so the release does not count as healthy.',
  }),
  PROCESS_STUCK: fault<{ slot: string; output: string }>({
    exitCode: 1,
    message: d => `A process of ${d.slot} that may run only while the slot is live could not be stopped.`,
    hint: () => 'Inspect the process on the host. Nothing was started in its place.',
    detail: d => d.output || undefined,
  }),
  APPLICATION_NOT_READY: fault<{ slot: string; why: string; output: string }>({
    exitCode: 1,
    message: d => `${d.slot} is not ready: the expression \`ready\` ${d.why}.`,
    hint: d =>
      `Fix the cause, or raise \`readyLimit\`; then deploy again. \`npx task logs --slot ${d.slot}\` shows its log.`,
    detail: d => d.output || undefined,
    about:
      'The health path of the slot answered, and then `beam({ ready })` was evaluated in its node, again and again until it was `true` or the limit was over. The live slot still has the traffic.',
  }),
  HOOK_FAILED: fault<{ slot: string; hook: string; code: number; output: string }>({
    exitCode: 1,
    message: d => `The hook \`${d.hook}\` of ${d.slot} failed with exit code ${d.code}.`,
    hint: () => 'The traffic stays where it is. Fix the cause; `npx task repair` runs the hooks again.',
    detail: d => d.output || undefined,
  }),
  HOOK_TIMED_OUT: fault<{ slot: string; hook: string; limit: number; output: string }>({
    exitCode: 1,
    message: d => `The hook \`${d.hook}\` of ${d.slot} was terminated after ${d.limit} s.`,
    hint: () =>
      'The traffic stays where it is. Fix the cause or raise `hookLimit`; `npx task repair` runs the hooks again.',
    detail: d => d.output || undefined,
  }),
  MIGRATION_FAILED: fault<{ slot: string; release: string; code: number; output: string }>({
    exitCode: 1,
    message: d => `The migrations of ${d.release}, run for ${d.slot}, failed with exit code ${d.code}.`,
    hint: () => 'Fix the migration that the output above names. Nothing was promoted.',
    detail: d => d.output || undefined,
  }),
  MIGRATION_CUT_SHORT: fault<{ slot: string; release: string; output: string }>({
    exitCode: 1,
    message: d => `The migrations of ${d.release}, run for ${d.slot}, were terminated before they completed.`,
    hint: () =>
      'Find out what terminated them (SIGTERM, or an `exit` or `System.halt` in `migrate`), then migrate again. Nothing was promoted.',
    detail: d => d.output || undefined,
  }),
  MIGRATION_TIMED_OUT: fault<{ slot: string; release: string; limit: number; output: string }>({
    exitCode: 1,
    message: d =>
      `The migrations of ${d.release}, run for ${d.slot}, did not complete within ${d.limit} s and were terminated.`,
    hint: () =>
      'Check the output above for what they were waiting for, such as a database lock; or raise `migrateLimit`. Nothing was promoted.',
    detail: d => d.output || undefined,
  }),
  LOG_DENIED: fault<{ host: string; slot: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, slot, refusal: { user } }) => `${user} may not read the log of ${slot} on ${host}.`,
    hint: ({ refusal: { user, hint } }) =>
      `Run \`npx task setup\`; or add ${user} to the group that may read every log, as root on the host: \`usermod -aG systemd-journal ${user}\`. ${hint}`,
    detail: d => d.refusal.stderr || undefined,
  }),
  LOG_WITHOUT_TIMES: fault<{ slot: string }>({
    exitCode: 2,
    message: d => `The log of ${d.slot} has no times, because systemd does not keep it.`,
    hint: () => 'Leave out --since, and use --lines and --grep.',
  }),
  VOLUME_NOT_SHARED: fault<{ path: string; shared: readonly string[] }>({
    exitCode: 2,
    message: d => `The volume ${JSON.stringify(d.path)} of \`container()\` is not in \`shared\` of the project.`,
    hint: d =>
      `Add it there: \`shared: [${[...d.shared, d.path].map(path => `'${path}'`).join(', ')}]\`. The keys of \`volumes\` are such paths.`,
  }),
  RPC_FAILED: fault<{ slot: string; code: number; output: string }>({
    exitCode: 1,
    message: d => `The expression in ${d.slot} failed with exit code ${d.code}.`,
    hint: d => `If the node was not found, check whether ${d.slot} is running: \`npx task status\`.`,
    detail: d => d.output || undefined,
  }),
})
