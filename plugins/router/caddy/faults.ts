/** Errors of the Caddy router. */

import { catalogue, fault, type Refusal } from '../shared.ts'
export const caddyFaults = catalogue({
  CADDY_WORD_INVALID: fault<{ what: string; value: string }>({
    exitCode: 2,
    message: d => `${JSON.stringify(d.value)} cannot be used in a Caddyfile as ${d.what}.`,
    hint: d => `Use only letters, digits, dots, dashes, underscores and slashes for the ${d.what} in the Taskfile.`,
  }),
  CADDY_DOWN: fault<{ host: string }>({
    exitCode: 3,
    message: d => `Caddy is not running on ${d.host}.`,
    hint: () => 'Check `systemctl status caddy` there and start it yourself: it is never started silently.',
  }),
  CADDY_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d => `This site is not installed in Caddy on ${d.host}: ${d.path} does not exist.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to preview the changes.',
  }),
  CADDY_NOT_SERVED: fault<{ host: string; path: string; status: string }>({
    exitCode: 3,
    message: d =>
      `Caddy on ${d.host} does not serve this site as ${d.path} says: it ${d.status === '000' ? 'does not answer' : `answers ${d.status}`} for /deployment_id.`,
    hint: d =>
      `Check that the configuration imports ${d.path}, and run \`sudo systemctl reload caddy\` on the host. For a site with HTTPS, check in \`journalctl -u caddy\` that Caddy has its certificate. Nothing was switched.`,
  }),
  CADDY_CONFIG_INVALID: fault<{ host: string; output: string; config: string }>({
    exitCode: 3,
    message: d => `Caddy on ${d.host} refuses its configuration: ${firstError(d.output)}`,
    hint: d =>
      `Fix it, check that \`sudo -u caddy caddy validate --config ${d.config}\` succeeds, and run the command again. Nothing was switched.`,
    detail: d => d.output,
  }),
  CADDY_OTHERS_INVALID: fault<{ host: string; output: string }>({
    exitCode: 3,
    message: d => `Caddy on ${d.host} refuses a part of its configuration that is not ours: ${firstError(d.output)}`,
    hint: () =>
      'Traffic can still be switched, because that needs no reload. Fix it before Caddy is reloaded or restarted.',
    detail: d => d.output,
  }),
  CADDY_GUARDED: fault<{ host: string; path: string; status: string }>({
    exitCode: 3,
    message: d =>
      `Caddy on ${d.host} answers ${d.path} with ${d.status} itself instead of passing the request to the application.`,
    hint: () =>
      'Exempt requests from the host itself: give the directive a matcher such as `@others not remote_ip 127.0.0.0/8 ::1`. Nothing was switched.',
  }),
  CADDY_SUDO_REFUSED: fault<{ host: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} run \`${command}\` without a password.`,
    hint: d => d.refusal.hint,
    detail: d => d.refusal.stderr || undefined,
  }),
  CADDY_NOT_IMPORTED: fault<{ host: string; config: string; line: string; command: string }>({
    exitCode: 3,
    message: d => `${d.config} on ${d.host} does not import the sites of switchyard, and setup does not edit it.`,
    hint: d => `Add this line to it, outside any block: ${d.line}. This does: ${d.command}`,
  }),
  CADDY_NAME_TAKEN: fault<{ host: string; site: string; at: string }>({
    exitCode: 3,
    message: d => `Caddy on ${d.host} already has a site for ${d.site}: ${d.at}.`,
    hint: () =>
      'Remove that block; or keep it, with `caddy({ ..., include: true })` in the Taskfile and the line that `setup` prints.',
  }),
})

/** Caddy's own error is on the first line with this prefix. */
const firstError = (output: string): string =>
  output
    .split('\n')
    .find(line => line.startsWith('Error: '))
    ?.replace(/^Error: (?:adapting config using caddyfile: )?/, '') ?? 'see below.'
