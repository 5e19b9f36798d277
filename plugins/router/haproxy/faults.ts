/** Errors of the HAProxy router. */

import { catalogue, fault, type Refusal } from '../shared.ts'
export const haproxyFaults = catalogue({
  HAPROXY_DOWN: fault<{ host: string }>({
    exitCode: 3,
    message: d => `HAProxy is not running on ${d.host}.`,
    hint: () => 'Check `systemctl status haproxy` there and start it yourself: it is never started silently.',
  }),
  HAPROXY_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d => `This site is not installed in HAProxy on ${d.host}: ${d.path} does not exist.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to preview the changes.',
  }),
  HAPROXY_STALE: fault<{ host: string; file: string; difference: string }>({
    exitCode: 3,
    message: d => `The route of HAProxy on ${d.host} differs from ${d.file}: ${d.difference}.`,
    hint: () =>
      'Run `sudo systemctl reload haproxy` on the host, so that HAProxy reads the file again. Nothing was switched.',
  }),
  HAPROXY_CONFIG_INVALID: fault<{ host: string; output: string }>({
    exitCode: 3,
    message: d => `HAProxy on ${d.host} refuses its configuration: ${firstAlert(d.output)}`,
    hint: () =>
      'Fix it, check that `sudo haproxy -c` with the same files succeeds, and run the command again. Nothing was switched.',
    detail: d => d.output,
  }),
  HAPROXY_OTHERS_INVALID: fault<{ host: string; output: string }>({
    exitCode: 3,
    message: d => `HAProxy on ${d.host} refuses the configuration of another site: ${firstAlert(d.output)}`,
    hint: () =>
      'Traffic can still be switched, because that needs no reload. Fix it before HAProxy is reloaded or restarted.',
    detail: d => d.output,
  }),
  HAPROXY_GUARDED: fault<{ host: string; path: string; status: string }>({
    exitCode: 3,
    message: d =>
      `HAProxy on ${d.host} answers ${d.path} with ${d.status} itself instead of passing the request to the application.`,
    hint: () =>
      'Exempt requests from the host itself: add `!{ src 127.0.0.0/8 ::1 }` to the condition of the rule. Nothing was switched.',
  }),
  HAPROXY_SUDO_REFUSED: fault<{ host: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} run \`${command}\` without a password.`,
    hint: d => d.refusal.hint,
    detail: d => d.refusal.stderr || undefined,
  }),
  HAPROXY_SWITCH_FAILED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `HAProxy on ${d.host} did not accept the switch: ${d.output.split('\n')[0] || 'no response'}`,
    hint: () =>
      'Check `npx task status`, and `systemctl status haproxy` on the host. The previous route was restored in the file.',
    detail: d => d.output || undefined,
  }),
  HAPROXY_MAINTENANCE_REFUSED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `HAProxy on ${d.host} did not accept the maintenance: ${d.output.split('\n')[0] || 'no response'}`,
    hint: () => 'Check `systemctl status haproxy` on the host. The file of the maintenance is as it was.',
    detail: d => d.output || undefined,
  }),
  HAPROXY_CANARY_REFUSED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `HAProxy on ${d.host} did not accept the canary: ${d.output.split('\n')[0] || 'no response'}`,
    hint: () => 'Check `systemctl status haproxy` on the host. The file of the canary is as it was.',
    detail: d => d.output || undefined,
  }),
  HAPROXY_ADDRESS_TAKEN: fault<{ host: string; listen: string; by: string }>({
    exitCode: 3,
    message: d => `${d.listen} on ${d.host} is taken by ${d.by}. This site could not listen there.`,
    hint: () =>
      'Set another address with `listen` in the Taskfile; or keep the existing frontend, with `haproxy({ ..., include: true })` and the line that `setup` prints.',
  }),
  HAPROXY_NAME_TAKEN: fault<{ host: string; site: string; at: string }>({
    exitCode: 3,
    message: d => `HAProxy on ${d.host} already has a backend for ${d.site}: ${d.at}.`,
    hint: d => `Remove ${d.site} from the other application, or set a different \`site\` in the Taskfile.`,
  }),
})

/** The first error line of HAProxy's output. */
const firstAlert = (output: string): string =>
  output
    .split('\n')
    .find(line => line.startsWith('[ALERT]'))
    ?.replace(/^\[ALERT\] *\(\d+\) : (?:config : )?/, '') ?? 'see below.'
