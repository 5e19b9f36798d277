/** What can go wrong with HAProxy. */
import { catalogue, fault } from '../../../runner/fault.ts'
import type { Refusal } from '../../../slots/sudo/refusal.ts'

export const haproxyFaults = catalogue({
  HAPROXY_DOWN: fault<{ host: string }>({
    exitCode: 3,
    message: d => `haproxy does not run on ${d.host}.`,
    hint: () =>
      'Find out why with `systemctl status haproxy` there, and start it yourself: it is never started silently.',
  }),
  HAPROXY_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d => `haproxy on ${d.host} does not know this site: ${d.path} is not there.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  HAPROXY_STALE: fault<{ host: string; file: string; said: string }>({
    exitCode: 3,
    message: d => `haproxy on ${d.host} does not route as ${d.file} says: ${d.said}`,
    hint: () =>
      'Reload it, which makes it read the file again: `sudo systemctl reload haproxy` on the host. Nothing was switched.',
  }),
  HAPROXY_CONFIG_INVALID: fault<{ host: string; said: string }>({
    exitCode: 3,
    message: d => `haproxy on ${d.host} refuses its configuration: ${firstAlert(d.said)}`,
    hint: () =>
      'Put that right, see that `sudo haproxy -c` with the same files succeeds, and run the command again. Nothing was switched.',
    detail: d => d.said,
  }),
  HAPROXY_OTHERS_INVALID: fault<{ host: string; said: string }>({
    exitCode: 3,
    message: d => `haproxy on ${d.host} refuses the configuration of another site: ${firstAlert(d.said)}`,
    hint: () =>
      'The traffic can be moved, which reloads nothing; but put that right before haproxy is reloaded or restarted.',
    detail: d => d.said,
  }),
  HAPROXY_GUARDED: fault<{ host: string; path: string; status: string }>({
    exitCode: 3,
    message: d =>
      `haproxy on ${d.host} answers ${d.status} to ${d.path} and does not ask the application, which answers.`,
    hint: () =>
      'Let requests of this host itself through without a password: add `!{ src 127.0.0.0/8 ::1 }` to the condition of the rule. Nothing was switched.',
  }),
  HAPROXY_SUDO_REFUSED: fault<{ host: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} run \`${command}\` without a password.`,
    hint: d => d.refusal.next,
    detail: d => d.refusal.said || undefined,
  }),
  HAPROXY_SWITCH_FAILED: fault<{ host: string; said: string }>({
    exitCode: 1,
    message: d => `haproxy on ${d.host} did not take the switch: ${d.said.split('\n')[0] || 'it gave no answer'}`,
    hint: () =>
      'The route before it stands in the file again. Look at `npx task status`, and at `systemctl status haproxy` on the host.',
    detail: d => d.said || undefined,
  }),
  HAPROXY_ADDRESS_TAKEN: fault<{ host: string; listen: string; by: string }>({
    exitCode: 3,
    message: d => `${d.listen} on ${d.host} is taken by ${d.by}. This site could not listen there.`,
    hint: () =>
      'Name another address with `listen` in the Taskfile; or keep the frontend that is there, with `haproxy({ ..., include: true })` and the line that `setup` prints.',
  }),
  HAPROXY_NAME_TAKEN: fault<{ host: string; site: string; at: string }>({
    exitCode: 3,
    message: d => `haproxy on ${d.host} has a backend for ${d.site} already: ${d.at}.`,
    hint: d => `Take ${d.site} out of the other application, or name this one otherwise with \`site\` in the Taskfile.`,
  }),
})

/** haproxy names what is wrong in its first line of that kind. */
const firstAlert = (said: string): string =>
  said
    .split('\n')
    .find(line => line.startsWith('[ALERT]'))
    ?.replace(/^\[ALERT\] *\(\d+\) : (?:config : )?/, '') ?? 'see below.'
