/** Errors of preparing a bare server. */

import { catalogue, Fault, fault, isFault } from '../../runner/fault.ts'
import { lastLine, listed } from '../../runner/units.ts'

interface Failed {
  readonly host: string
  readonly output: string
}

/** As psql reports it. */
const firstError = (output: string) => /error: *(.+)/i.exec(output)?.[1] ?? lastLine(output)

/** The lines in which apt-get and dpkg say what is wrong. */
const errors = (output: string) =>
  output
    .split('\n')
    .flatMap(line => /^(?:E: |dpkg: error: )(.+)$/.exec(line)?.[1] ?? [])
    .join(' ') || lastLine(output)

export const bootstrapFaults = catalogue({
  BOOTSTRAP_OTHER_SERVER: fault<{ named: string; hosts: readonly string[] }>({
    exitCode: 2,
    message: d => `The Taskfile deploys to ${listed(d.hosts)}, and not to ${d.named}.`,
    hint: d =>
      `Name the server as the Taskfile does: \`npx task bootstrap root@${d.hosts[0]}\`. Nothing was contacted.`,
  }),
  BOOTSTRAP_FOR_ROOT: fault<{ host: string }>({
    exitCode: 2,
    message: d => `The Taskfile logs in to ${d.host} as root, so the application would run as root.`,
    hint: () => "Name the account that deploys, such as `ssh('deploy@...')`: it is created. Nothing was contacted.",
  }),
  BOOTSTRAP_KEY_INVALID: fault<{ path: string; why: string }>({
    exitCode: 2,
    message: d => `${d.path} ${d.why}.`,
    hint: () => 'Name a public key, such as `--key ~/.ssh/id_ed25519.pub`. Nothing was contacted.',
  }),
  BOOTSTRAP_NO_KEY: fault<{ host: string; user: string }>({
    exitCode: 3,
    message: d => `There is no key here with which ${d.user} could log in to ${d.host}.`,
    hint: () =>
      'Add a key to your agent with `ssh-add`, or name one: `npx task bootstrap --key ~/.ssh/id_ed25519.pub`. Nothing was changed.',
  }),
  BOOTSTRAP_NEEDS_ROOT: fault<{ host: string; user: string }>({
    exitCode: 3,
    message: d => `A bootstrap of ${d.host} needs root, and ${d.user} may not use sudo without a password.`,
    hint: d =>
      `Log in as root, or as another account that can become root: \`npx task bootstrap root@${d.host.replace(/^.*@/, '')}\`. Nothing was changed.`,
  }),
  BOOTSTRAP_NOT_DEBIAN: fault<{ host: string; system: string }>({
    exitCode: 3,
    message: d => `${d.host} runs ${d.system}; a bootstrap knows Debian and Ubuntu.`,
    hint: () =>
      'Prepare the host yourself: docs/hosts.md lists what it needs. Then run `npx task setup`. Nothing was changed.',
  }),
  BOOTSTRAP_NO_SYSTEMD: fault<{ host: string }>({
    exitCode: 3,
    message: d => `${d.host} was not started by systemd, which runs the application.`,
    hint: () =>
      'Use a virtual or a real machine, or a container that systemd is the first process of. Nothing was changed.',
  }),
  BOOTSTRAP_PORT_TAKEN: fault<{ host: string; port: number; program: string; unit: string }>({
    exitCode: 3,
    message: d => `Port ${d.port} of ${d.host} belongs to ${d.program}, so ${d.unit} could not serve the site there.`,
    hint: d =>
      `Take ${d.program} off the port, use a router for it in the Taskfile, or use another server. Nothing was changed.`,
  }),
  BOOTSTRAP_NOT_CONFIRMED: fault<{ hosts: readonly string[] }>({
    exitCode: 3,
    message: d => `The bootstrap of ${listed(d.hosts)} was not confirmed; nothing was changed.`,
    hint: () =>
      'Answer `y` in a terminal; or use `npx task bootstrap --yes`. `npx task bootstrap --dry-run` shows what would be done.',
  }),
  BOOTSTRAP_APT_LOCKED: fault<Failed & { seconds: number }>({
    exitCode: 3,
    message: d => `Another program on ${d.host} has held apt's lock for ${d.seconds} s: ${errors(d.output)}`,
    hint: () =>
      'A new server often updates itself first. Wait for that, and run `npx task bootstrap` again, or let it wait longer: `--apt-wait 15m`.',
  }),
  BOOTSTRAP_DISK_FULL: fault<Failed>({
    exitCode: 1,
    message: d => `The disk of ${d.host} is full: ${errors(d.output)}`,
    hint: () => 'Make room, and run `npx task bootstrap` again: it completes what it began.',
    detail: d => d.output || undefined,
  }),
  BOOTSTRAP_NO_PACKAGE: fault<Failed>({
    exitCode: 1,
    message: d => `apt on ${d.host} does not have a package: ${errors(d.output)}`,
    hint: () =>
      'Check the names in `packages` of the Taskfile, and the sources in /etc/apt on the host. Nothing was installed.',
    detail: d => d.output || undefined,
  }),
  BOOTSTRAP_APT_FAILED: fault<Failed>({
    exitCode: 1,
    message: d => `The packages could not be installed on ${d.host}: ${errors(d.output)}`,
    hint: () => 'Fix what apt reports, and run `npx task bootstrap` again: it completes what it began.',
    detail: d => d.output || undefined,
  }),
  BOOTSTRAP_LOGIN_REFUSED: fault<{ host: string; user: string; why: string; undone: string | undefined }>({
    exitCode: 1,
    message: d => `${d.user} cannot log in to ${d.host}: ${d.why}`,
    hint: d =>
      `${d.undone ?? 'The login of root was not changed.'} Make \`ssh ${d.host} true\` work, for example with the right \`--key\`, and run \`npx task bootstrap\` again.`,
  }),
  BOOTSTRAP_SUDO_REFUSED: fault<{ host: string; user: string; why: string }>({
    exitCode: 1,
    message: d => `${d.user} can log in to ${d.host}, but sudo refuses it: ${d.why}`,
    hint: () =>
      'Look for a later rule in /etc/sudoers and /etc/sudoers.d, because the last one wins. The login of root was not changed.',
  }),
  BOOTSTRAP_SSHD_REFUSED: fault<Failed>({
    exitCode: 1,
    message: d => `sshd on ${d.host} does not accept its configuration: ${lastLine(d.output)}`,
    hint: () =>
      'Fix it until `sshd -t` reports nothing, and run `npx task bootstrap --harden-sshd` again. The previous configuration was restored.',
    detail: d => d.output || undefined,
  }),
  BOOTSTRAP_SSHD_IGNORES: fault<Failed & { path: string }>({
    exitCode: 1,
    message: d => `sshd on ${d.host} does not follow ${d.path}: ${lastLine(d.output)}`,
    hint: d =>
      `Let /etc/ssh/sshd_config begin with \`Include ${d.path.replace(/[^/]*$/, '')}*.conf\`, and look for other files there that say the opposite. The previous configuration was restored.`,
  }),
  BOOTSTRAP_DATABASE_FAILED: fault<Failed & { database: string }>({
    exitCode: 1,
    message: d => `The database ${d.database} could not be prepared on ${d.host}: ${firstError(d.output)}`,
    hint: () => 'Look at PostgreSQL on the host, and run `npx task bootstrap` again.',
    detail: d => d.output || undefined,
  }),
  BOOTSTRAP_PASSWORD_SET: fault<{ host: string; database: string }>({
    exitCode: 3,
    message: d => `Somebody else has just given the role ${d.database} on ${d.host} a password.`,
    hint: () => 'Take the URL over from them: another password would lock their application out.',
  }),
  BOOTSTRAP_ENV_FAILED: fault<{ path: string; host: string; database: string; why: string }>({
    exitCode: 1,
    message: d => `${d.path} could not be written: ${d.why}.`,
    hint: d =>
      `Nobody knows the new password of ${d.database} now. Take it away on ${d.host} with \`sudo -u postgres psql -c 'alter role ${d.database} password null'\`, and run \`npx task bootstrap --write-env\` again.`,
  }),
  BOOTSTRAP_INCOMPLETE: fault<{ host: string; left: readonly string[] }>({
    exitCode: 1,
    message: d => `${d.host} is not ready, although every step reported success. Still to do: ${d.left.join(' ')}`,
    hint: () => 'Look at the host, and run `npx task bootstrap` again.',
  }),
})

/**
 * What one host has thrown after others were made ready: it says so, and its exit code is 1, because 3 would tell a program that nothing was changed.
 *
 * @param ready the names of the hosts that this run has changed; if none, the error is left as it is
 */
export function withReady(error: unknown, ready: readonly string[]): unknown {
  if (ready.length === 0 || !isFault(error) || error.exitCode === 130) return error
  const { code, message, detail, explained } = error
  const hint = `${error.hint} ${listed(ready)} ${ready.length === 1 ? 'is' : 'are'} ready.`
  return new Fault(code, 1, message, hint, { detail, explained, cause: error })
}
