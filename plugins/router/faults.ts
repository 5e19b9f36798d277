/** What can go wrong with the router. */
import { catalogue, fault } from '../../runner/fault.ts'
import type { Refusal } from '../../slots/sudo/refusal.ts'

export const routerFaults = catalogue({
  NGINX_WORD_INVALID: fault<{ what: string; value: string }>({
    exitCode: 2,
    message: d => `${JSON.stringify(d.value)} cannot stand in an nginx file as ${d.what}.`,
    hint: d => `Write the ${d.what} in the Taskfile with letters, digits, dots, dashes and slashes alone.`,
  }),
  NGINX_DOWN: fault<{ host: string }>({
    exitCode: 3,
    message: d => `nginx does not run on ${d.host}.`,
    hint: () =>
      'Find out why with `systemctl status nginx` there, and start it yourself: it is never started silently.',
  }),
  NGINX_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d => `nginx on ${d.host} does not know this site: ${d.path} is not there.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  NGINX_NAME_TAKEN: fault<{ host: string; site: string; at: string; listen: string }>({
    exitCode: 3,
    message: d =>
      `Another site of nginx on ${d.host} has the name ${d.site} too, on ${d.listen}: ${d.at}. One of the two would get no requests.`,
    hint: d =>
      `Disable that site or take ${d.site} out of its server_name; or keep it as yours, with \`nginx({ ..., include: true })\` in the Taskfile and the include line in its block.`,
  }),
  NGINX_ADDRESS_TAKEN: fault<{ host: string; at: string; listen: string }>({
    exitCode: 3,
    message: d =>
      `Another site of nginx on ${d.host} gets all requests to ${d.listen}, whatever their name: ${d.at}. This site could not be asked there.`,
    hint: () =>
      "Name an address first that is this site's alone, such as `nginx({ ..., listen: ['127.0.0.2:80', '*:80', '[::]:80'] })`; or change the `listen` of the other.",
  }),
  NGINX_DEFAULT_TAKEN: fault<{ host: string; at: string; listen: string }>({
    exitCode: 3,
    message: d =>
      `Requests to ${d.listen} on ${d.host} that name no site which nginx knows go to ${d.at}, the first site that it reads. The new one would be read before it, and get them.`,
    hint: () =>
      'Add `default_server` to the `listen` line of that site, see that `sudo nginx -t` succeeds, reload nginx, and run the command again.',
  }),
  NGINX_CONFIG_INVALID: fault<{ host: string; said: string }>({
    exitCode: 3,
    message: d => `nginx on ${d.host} refuses its configuration: ${firstProblem(d.said)}`,
    hint: () => 'Put that right, see that `sudo nginx -t` succeeds, and run the command again. Nothing was switched.',
    detail: d => d.said,
  }),
  NGINX_OTHERS_INVALID: fault<{ host: string; said: string }>({
    exitCode: 3,
    message: d => `nginx on ${d.host} refuses the configuration of another site: ${firstProblem(d.said)}`,
    hint: () =>
      'The traffic can be moved, which reloads nothing; but put that right before nginx is reloaded or restarted: `sudo nginx -t`.',
    detail: d => d.said,
  }),
  NGINX_GUARDED: fault<{ host: string; path: string; status: string }>({
    exitCode: 3,
    message: d =>
      `nginx on ${d.host} answers ${d.status} to ${d.path} and does not ask the application, which answers.`,
    hint: () =>
      'Beside `auth_basic` or `deny` write `satisfy any; allow 127.0.0.1; allow ::1;`, so that this host itself needs no password. Nothing was switched.',
  }),
  NGINX_SUDO_REFUSED: fault<{ host: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} run \`${command}\` without a password.`,
    hint: d => d.refusal.next,
    detail: d => d.refusal.said || undefined,
  }),
  NGINX_SWITCH_FAILED: fault<{ host: string; said: string }>({
    exitCode: 1,
    message: d => `nginx on ${d.host} could not be switched: ${d.said.split('\n')[0] || 'no reason given'}`,
    hint: () => 'Look at `npx task status`, and at `systemctl status nginx` on the host.',
    detail: d => d.said,
  }),
  ROUTE_UNREADABLE: fault<{ host: string; why: string }>({
    exitCode: 3,
    message: d => `Which slot the router on ${d.host} sends the traffic to cannot be read: ${d.why}`,
    hint: () =>
      '`npx task repair --force SLOT`, with the name of the slot that is to be live, puts the route back. Until then nothing is started, stopped or switched.',
  }),
})

/** nginx names what is wrong in its first line that is no mere warning. */
const firstProblem = (said: string): string =>
  said
    .split('\n')
    .find(line => /\[(?:emerg|alert|crit|error)\]/.test(line))
    ?.replace(/^(?:nginx: \[\w+\]|\d{4}\/\S+ \S+ \[\w+\] \d+#\d+:) /, '') ?? 'see below.'
