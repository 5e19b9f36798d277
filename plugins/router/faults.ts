/** Errors of the nginx router, and those that all routers share. */
import { catalogue, fault } from '../../runner/fault.ts'
import type { Refusal } from '../../slots/sudo/refusal.ts'

export const routerFaults = catalogue({
  NGINX_WORD_INVALID: fault<{ what: string; value: string }>({
    exitCode: 2,
    message: d => `${JSON.stringify(d.value)} cannot be used as ${d.what} in an nginx file.`,
    hint: d => `Use only letters, digits, underscores, dots, dashes and slashes for the ${d.what} in the Taskfile.`,
  }),
  UPSTREAM_WITHOUT_ON: fault<{ factory: string }>({
    exitCode: 2,
    message: d => `${d.factory} has \`upstream\`, but not \`on\`.`,
    hint: () =>
      "Name the host of the router too, such as `on: ssh('deploy@lb-1')`. Without it, the router is on the application's host and sends the requests to loopback.",
  }),
  NGINX_DOWN: fault<{ host: string }>({
    exitCode: 3,
    message: d => `nginx is not running on ${d.host}.`,
    hint: () => 'Check `systemctl status nginx` there and start it yourself: it is never started silently.',
  }),
  NGINX_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d => `This site is not installed in nginx on ${d.host}: ${d.path} does not exist.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to preview the changes.',
  }),
  NGINX_NAME_TAKEN: fault<{ host: string; site: string; at: string; listen: string }>({
    exitCode: 3,
    message: d =>
      `Another nginx site on ${d.host} has the name ${d.site} as well, on ${d.listen}: ${d.at}. One of the two would get no requests.`,
    hint: d =>
      `Disable that site or remove ${d.site} from its server_name; or use it as your own server block, with \`nginx({ ..., include: true })\` in the Taskfile and the include line in the block.`,
  }),
  NGINX_ADDRESS_TAKEN: fault<{ host: string; at: string; listen: string }>({
    exitCode: 3,
    message: d =>
      `Another nginx site on ${d.host} gets all requests to ${d.listen}, whatever their host name: ${d.at}. This site could not be reached there.`,
    hint: () =>
      "List an address first that only this site uses, such as `nginx({ ..., listen: ['127.0.0.2:80', '*:80', '[::]:80'] })`; or change the `listen` line of the other site.",
  }),
  NGINX_DEFAULT_TAKEN: fault<{ host: string; at: string; listen: string }>({
    exitCode: 3,
    message: d =>
      `Requests to ${d.listen} on ${d.host} whose host name matches no site go to ${d.at}, the first site that nginx reads. The new site would be read before it and get those requests.`,
    hint: () =>
      'Add `default_server` to the `listen` line of that site, check that `sudo nginx -t` succeeds, reload nginx, and run the command again.',
  }),
  NGINX_CONFIG_INVALID: fault<{ host: string; output: string }>({
    exitCode: 3,
    message: d => `nginx on ${d.host} refuses its configuration: ${firstProblem(d.output)}`,
    hint: () => 'Fix it, check that `sudo nginx -t` succeeds, and run the command again. Nothing was switched.',
    detail: d => d.output,
  }),
  NGINX_OTHERS_INVALID: fault<{ host: string; output: string }>({
    exitCode: 3,
    message: d => `nginx on ${d.host} refuses the configuration of another site: ${firstProblem(d.output)}`,
    hint: () =>
      'Traffic can still be switched, because that needs no reload. Fix it before nginx is reloaded or restarted: `sudo nginx -t`.',
    detail: d => d.output,
  }),
  NGINX_CERTIFICATE_MISSING: fault<{ host: string; site: string; command: string }>({
    exitCode: 3,
    message: d => `${d.host} has no certificate for ${d.site}, which therefore answers without HTTPS.`,
    hint: d => `Once ${d.site} leads to this host, run there: ${d.command}`,
  }),
  NGINX_CERTIFICATE_ENDS: fault<{ host: string; site: string; path: string; ends: string }>({
    exitCode: 3,
    message: d =>
      `The certificate of ${d.site} on ${d.host} ${d.ends ? `ends on ${d.ends}` : 'cannot be read'}: ${d.path}.`,
    hint: () =>
      'Renew it. certbot renews 30 days before the end: check `systemctl status certbot.timer` and `sudo certbot renew` on the host.',
  }),
  NGINX_GUARDED: fault<{ host: string; path: string; status: string }>({
    exitCode: 3,
    message: d =>
      `nginx on ${d.host} answers ${d.path} with ${d.status} itself instead of passing the request to the application.`,
    hint: () =>
      'Add `satisfy any; allow 127.0.0.1; allow ::1;` next to `auth_basic` or `deny`, so that requests from the host itself need no password. Nothing was switched.',
  }),
  NGINX_SUDO_REFUSED: fault<{ host: string; refusal: Refusal }>({
    exitCode: 3,
    message: ({ host, refusal: { user, command } }) =>
      `sudo on ${host} does not let ${user} run \`${command}\` without a password.`,
    hint: d => d.refusal.hint,
    detail: d => d.refusal.stderr || undefined,
  }),
  NGINX_SWITCH_FAILED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `nginx on ${d.host} could not be switched: ${d.output.split('\n')[0] || 'no reason given'}`,
    hint: () => 'Check `npx task status`, and `systemctl status nginx` on the host.',
    detail: d => d.output,
  }),
  MAINTENANCE_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d =>
      `The router on ${d.host} is not set up for a maintenance of this site: ${d.path} is missing, or was installed with another version or page.`,
    hint: () =>
      'Run `npx task setup`, or `npx task setup --dry-run` to preview the changes. Nothing was changed, and the traffic can still be switched.',
  }),
  MAINTENANCE_PAGE_UNREADABLE: fault<{ path: string; why: string }>({
    exitCode: 2,
    message: d => `The maintenance page ${d.path} cannot be read: ${d.why}.`,
    hint: () => 'Correct `maintenancePage` of the router in the Taskfile: its path is relative to the Taskfile.',
  }),
  MAINTENANCE_PAGE_TOO_LARGE: fault<{ path: string; size: number; most: number }>({
    exitCode: 2,
    message: d => `The maintenance page ${d.path} has ${d.size} bytes; HAProxy can answer with at most ${d.most}.`,
    hint: () => 'Make it smaller: link to its images and styles on another host instead of including them.',
  }),
  CANARY_NOT_SET_UP: fault<{ host: string; path: string }>({
    exitCode: 3,
    message: d =>
      `The router on ${d.host} is not set up for a canary of this site: ${d.path} is missing, or was installed without \`canary: true\`.`,
    hint: () =>
      'Run `npx task setup`, or `npx task setup --dry-run` to preview the changes. All traffic stays where it is.',
  }),
  CANARY_ROUTE_MOVED: fault<{ host: string; route: string }>({
    exitCode: 3,
    message: d => `The route of the router on ${d.host} has changed since it was read: it is ${d.route} now.`,
    hint: () => 'Check `npx task status`, then run the command again. The canary was not begun.',
  }),
  ROUTE_UNREADABLE: fault<{ host: string; why: string }>({
    exitCode: 3,
    message: d => `Cannot read which slot the router on ${d.host} sends traffic to: ${d.why}`,
    hint: () =>
      'Restore the route with `npx task repair --force SLOT`, where SLOT is the slot that is to be live. Until then nothing is started, stopped or switched.',
    about:
      'The route is a link, or a file, that only a promote writes. What is there now was not written by switchyard, so which slot it means would be a guess.',
  }),
})

/** The first line of nginx's output that is an error, not a warning. */
const firstProblem = (output: string): string =>
  output
    .split('\n')
    .find(line => /\[(?:emerg|alert|crit|error)\]/.test(line))
    ?.replace(/^(?:nginx: \[\w+\]|\d{4}\/\S+ \S+ \[\w+\] \d+#\d+:) /, '') ?? 'see below.'
