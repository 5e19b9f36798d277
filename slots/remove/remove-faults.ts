/** Errors of taking an application off a host. */
import { catalogue, fault } from '../../runner/fault.ts'
import { lastLine } from '../../runner/units.ts'

interface Refused {
  readonly host: string
  readonly output: string
}

/** The line that nginx, HAProxy or Caddy mark as the error, or else the last one. */
const errorLine = (output: string) =>
  output.split('\n').find(line => /\[emerg\]|\[ALERT\]|^Error: /.test(line)) ?? lastLine(output)

export const removeFaults = catalogue({
  REMOVE_OTHER_NAME: fault<{ app: string; named: string }>({
    exitCode: 2,
    message: d => `This Taskfile is that of ${d.app}, and not of ${d.named}.`,
    hint: d => `To remove ${d.app}, use \`npx task remove --yes-remove ${d.app}\`. Nothing was contacted.`,
  }),
  REMOVE_NOT_CONFIRMED: fault<{ app: string; host: string }>({
    exitCode: 3,
    message: d => `The removal of ${d.app} from ${d.host} was not confirmed; nothing was changed.`,
    hint: d =>
      `Type ${d.app} in a terminal; or use \`npx task remove --yes-remove ${d.app}\`. \`npx task remove --dry-run\` shows what would be deleted.`,
  }),
  REMOVE_LIVE: fault<{ app: string; host: string; slot: string }>({
    exitCode: 3,
    message: d => `${d.app} is live on ${d.host}: the router sends its traffic to ${d.slot}.`,
    hint: () => 'To take the site down as well, use `npx task remove --force`. Nothing was changed.',
  }),
  REMOVE_NEEDS_ROOT: fault<{ host: string; user: string }>({
    exitCode: 3,
    message: d => `The removal from ${d.host} needs root, and ${d.user} may not use sudo without a password.`,
    hint: () => 'Log in once as root, or as another account that can become root: `npx task remove --login root`.',
  }),
  REMOVE_REFUSED: fault<Refused>({
    exitCode: 1,
    message: d => `No file could be deleted on ${d.host}: ${lastLine(d.output)}`,
    hint: () => 'Fix the problem, and run `npx task remove` again. No file was deleted in this step.',
    detail: d => d.output || undefined,
  }),
  REMOVE_TAKEN_BACK: fault<Refused>({
    exitCode: 1,
    message: d => `Other configuration on ${d.host} still needs the deleted files: ${errorLine(d.output)}`,
    hint: () =>
      'Remove what refers to them from your own configuration, then run `npx task remove` again. Each file of this step was restored.',
    detail: d => d.output || undefined,
  }),
  REMOVE_NOT_TAKEN_BACK: fault<Refused>({
    exitCode: 1,
    message: d => `Other configuration on ${d.host} still needs the deleted files, and restoring them failed too.`,
    hint: () => 'Fix the problem shown above, and run `npx task remove` again: it restores the files first.',
    detail: d => d.output || undefined,
  }),
  REMOVE_LEFT: fault<{ host: string; root: string; output: string }>({
    exitCode: 1,
    message: d => `Not everything in ${d.root} on ${d.host} could be deleted: ${lastLine(d.output)}`,
    hint: () => 'Fix the problem, such as a mounted file system, and run `npx task remove` again: it deletes the rest.',
    detail: d => d.output || undefined,
  }),
  REMOVE_USER: fault<{ host: string; user: string; output: string }>({
    exitCode: 1,
    message: d => `The user ${d.user} of the application could not be deleted on ${d.host}: ${lastLine(d.output)}`,
    hint: d =>
      `End what still runs as ${d.user}, and run \`npx task remove\` again. Everything else of the application is gone.`,
    detail: d => d.output || undefined,
  }),
})
