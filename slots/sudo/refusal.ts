/**
 * Checks whether sudo allows the commands that the deploying user needs, and gives advice if not. The answer comes from `sudo -n -l COMMAND`; the
 * stderr of a failed command proves nothing, since sudo also prints warnings when it allows a command ("unable to resolve host").
 */
import { type Asked, capture } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { Fault } from '../../runner/fault.ts'
import { wantsPassword } from './list.ts'

export type Command = readonly string[]

/** A command that sudo refused. */
export interface Denied {
  /** Index of the command. */
  readonly command: number
  /** The stderr of sudo; may be ''. */
  readonly stderr: string
}

export interface SudoAnswer {
  /** The output of `sudo -l`; `undefined` for root, who needs no sudo. */
  readonly listing: string | undefined
  readonly denied: readonly Denied[]
}

export interface Refusal {
  readonly user: string
  /** The first refused command. */
  readonly command: string
  /** Number of further refused commands. */
  readonly others: number
  /** The stderr of sudo for that command; may be ''. */
  readonly stderr: string
  /** The sudoers line to add, and where. */
  readonly hint: string
}

/** Prints two sections, `@@ sudo` and `@@ denied`, for `sudoAnswer`. The commands are checked in parallel: each check takes some ten milliseconds. */
export const checkSudo = (commands: readonly Command[]): Script => sh.read`
echo '@@ sudo'; if [ $EUID = 0 ]; then echo root; else
sudo -n -l 2>/dev/null || if sudo -n -v 2>/dev/null; then echo unlisted; fi
check() { local stderr; stderr=$(sudo -n -l "\${@:2}" 2>&1 > /dev/null) || printf '%s %s\\n' "$1" "\${stderr//$'\\n'/; }"; }
echo '@@ denied'
${sh.lines(...commands.map((command, i) => sh.read`check ${i} ${command} &`))}
wait
fi`

/** Parses the lines of the two sections. */
export const sudoAnswer = (listing: readonly string[], denied: readonly string[]): SudoAnswer => ({
  listing: listing[0] === 'root' ? undefined : listing.join('\n'),
  denied: denied.map(line => {
    const [, command, stderr = ''] = /^(\d+) ?(.*)$/.exec(line) ?? []
    return { command: Number(command), stderr: withoutWarnings(stderr) }
  }),
})

/** Drops sudo's warning about a host name that does not resolve, which is not a refusal. */
const withoutWarnings = (stderr: string): string =>
  stderr
    .split('; ')
    .filter(line => !/^sudo: unable to resolve host /.test(line))
    .join('; ')

/** The rule that allows these commands, as one line of sudoers(5). */
export const sudoLine = (user: string, commands: readonly Command[]): string =>
  `${user} ALL=(root) NOPASSWD: ${commands.map(command => command.map(escaped).join(' ')).join(', ')}`

const escaped = (argument: string) => argument.replace(/[\\,:=*?[\]!()"' #]/g, '\\$&')

/** With `listpw=always`, listing requires a password although running commands does not. Then nothing can be concluded. */
const UNLISTED = 'unlisted'

/** Undefined if sudo allows all commands without a password. */
export function refusalOf(
  user: string,
  commands: readonly Command[],
  { listing, denied }: SudoAnswer,
): Refusal | undefined {
  if (listing === undefined || listing === UNLISTED) return undefined
  const stderrOf = new Map(denied.map(({ command, stderr }) => [command, stderr]))
  const refused = commands.filter((command, i) => stderrOf.has(i) || wantsPassword(listing, command) === true)
  const unique = [...new Map(refused.map(command => [command.join(' '), command])).values()]
  const [first] = unique
  if (first === undefined) return undefined
  const stderr = stderrOf.get(commands.indexOf(first)) ?? 'sudo: a password is required'
  const overridden = refused.some(command => hasRule(listing, command))
  return {
    user,
    command: first.join(' '),
    others: unique.length - 1,
    stderr,
    hint: advice(user, sudoLine(user, unique), stderr, overridden),
  }
}

/** Whether any rule allows the command without a password. If it is refused all the same, a later rule overrides that one. */
const hasRule = (listing: string, command: Command): boolean =>
  listing.split('\n').some(line => wantsPassword(line, command) === false)

const LAST = '/etc/sudoers.d/zz-switchyard'

function advice(user: string, line: string, stderr: string, overridden: boolean): string {
  if (/command not found|No such file/.test(stderr)) return 'Install sudo, as root on the host: apt-get install -y sudo'
  if (/must have a tty/.test(stderr))
    return `sudo requires a terminal (requiretty). As root on the host, add with \`visudo -f ${LAST}\`: Defaults:${user} !requiretty`
  if (/writable|owned by|setuid|nosuid|no new privileges|syntax error|parse error|bad permissions|expired/.test(stderr))
    return `First repair sudo itself on the host, until \`sudo -n -l\` works for ${user}. Its error: ${stderr}`
  if (overridden)
    return `A later rule requires a password, and the last matching rule wins. As root on the host, add with \`visudo -f ${LAST}\`: ${line}`
  return `Run \`npx task setup\`, or add as root on the host with \`visudo -f ${LAST}\`: ${line}`
}

/**
 * Runs the check on the host. Undefined if sudo allows all commands, or if the host cannot be reached. It costs a round trip, so use it only after a
 * command has failed.
 */
export async function sudoRefusal(host: Asked, commands: readonly Command[]): Promise<Refusal | undefined> {
  if (commands.length === 0) return undefined
  const script = sh.read`
export LC_ALL=C
id -un
${checkSudo(commands)}`
  try {
    const text = await host.query(capture(script))
    const [user = '', listing = '', denied = ''] = text.split(/^@@ (?:sudo|denied)\n?/m)
    return refusalOf(user.trim(), commands, sudoAnswer(lines(listing), lines(denied)))
  } catch (error) {
    // The failure that led here is the one to report.
    if (error instanceof Fault) return undefined
    throw error
  }
}

const lines = (text: string): string[] => text.split('\n').filter(Boolean)
