/**
 * Whether sudo lets the deploying user run what it must, and what to do when not. sudo itself is asked (`sudo -n -l COMMAND`): what a failed command
 * printed never counts, since sudo also warns where it allows ("unable to resolve host").
 */
import { type Asked, capture } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { Fault } from '../../runner/fault.ts'
import { wantsPassword } from './list.ts'

export type Command = readonly string[]

/** A command that sudo refused, by its position, and what sudo said on standard error; '' when it said nothing. */
export interface Denied {
  readonly command: number
  readonly said: string
}

export interface SudoAnswer {
  /** What `sudo -l` prints; `undefined` for root, who needs no sudo. */
  readonly listing: string | undefined
  readonly denied: readonly Denied[]
}

export interface Refusal {
  readonly user: string
  /** The first command that is refused, and how many others are too. */
  readonly command: string
  readonly others: number
  /** What sudo said of it; '' when it said nothing. */
  readonly said: string
  /** What to do: the line that helps, with the place for it. */
  readonly next: string
}

/** Prints two sections, `@@ sudo` and `@@ denied`, for `sudoAnswer`. All commands are asked about at the same time: each takes some ten milliseconds. */
export const askSudo = (commands: readonly Command[]): Script => sh.read`
echo '@@ sudo'; if [ "$(id -u)" = 0 ]; then echo root; else
sudo -n -l 2>/dev/null || if sudo -n -v 2>/dev/null; then echo unlisted; fi
asked() { local said; said=$(sudo -n -l "\${@:2}" 2>&1 > /dev/null) || printf '%s %s\\n' "$1" "\${said//$'\\n'/; }"; }
echo '@@ denied'
${sh.lines(...commands.map((words, i) => sh.read`asked ${i} ${words} &`))}
wait
fi`

/** Reads the lines of the two sections. */
export const sudoAnswer = (listing: readonly string[], denied: readonly string[]): SudoAnswer => ({
  listing: listing[0] === 'root' ? undefined : listing.join('\n'),
  denied: denied.map(line => {
    const [, command, said = ''] = /^(\d+) ?(.*)$/.exec(line) ?? []
    return { command: Number(command), said: withoutNoise(said) }
  }),
})

/** sudo warns of a host name that does not resolve before all else that it says; it goes on. */
const withoutNoise = (said: string): string =>
  said
    .split('; ')
    .filter(line => !/^sudo: unable to resolve host /.test(line))
    .join('; ')

/** The rule that allows these commands, as one line of sudoers(5). */
export const sudoLine = (user: string, commands: readonly Command[]): string =>
  `${user} ALL=(root) NOPASSWD: ${commands.map(words => words.map(escaped).join(' ')).join(', ')}`

const escaped = (word: string) => word.replace(/[\\,:=*?[\]!()"' #]/g, '\\$&')

/** Where `listpw=always` keeps the list behind a password, although the account needs none for any command: then only a try can tell. */
const UNLISTED = 'unlisted'

/** Undefined when sudo allows every one of the commands without a password. */
export function refusalOf(
  user: string,
  commands: readonly Command[],
  { listing, denied }: SudoAnswer,
): Refusal | undefined {
  if (listing === undefined || listing === UNLISTED) return undefined
  const saidOf = new Map(denied.map(({ command, said }) => [command, said]))
  const refused = commands.filter((words, i) => saidOf.has(i) || wantsPassword(listing, words) === true)
  const unique = [...new Map(refused.map(words => [words.join(' '), words])).values()]
  const [first] = unique
  if (first === undefined) return undefined
  const said = saidOf.get(commands.indexOf(first)) ?? 'sudo: a password is required'
  const overruled = refused.some(words => hasRule(listing, words))
  return {
    user,
    command: first.join(' '),
    others: unique.length - 1,
    said,
    next: advice(user, sudoLine(user, unique), said, overruled),
  }
}

/** Whether a rule allows the words without a password, which then only a later one can have taken back. */
const hasRule = (listing: string, words: Command): boolean =>
  listing.split('\n').some(line => wantsPassword(line, words) === false)

const LAST = '/etc/sudoers.d/zz-switchyard'

function advice(user: string, line: string, said: string, overruled: boolean): string {
  if (/command not found|No such file/.test(said)) return 'Install sudo, as root on the host: apt-get install -y sudo'
  if (/must have a tty/.test(said))
    return `sudo wants a terminal (requiretty). As root on the host, add with \`visudo -f ${LAST}\`: Defaults:${user} !requiretty`
  if (/writable|owned by|setuid|nosuid|no new privileges|syntax error|parse error|bad permissions|expired/.test(said))
    return `Mend sudo itself on the host first, until \`sudo -n -l\` works for ${user}. It says: ${said}`
  if (overruled)
    return `A later rule asks for a password again, and the last one that matches wins. As root on the host, add with \`visudo -f ${LAST}\`: ${line}`
  return `Run \`npx task setup\`, or add as root on the host with \`visudo -f ${LAST}\`: ${line}`
}

/** Asks the host; undefined when sudo allows all of the commands, and when the host cannot be asked. Only for what has failed already: it costs a round trip. */
export async function sudoRefusal(host: Asked, commands: readonly Command[]): Promise<Refusal | undefined> {
  if (commands.length === 0) return undefined
  const script = sh.read`
export LC_ALL=C
id -un
${askSudo(commands)}`
  try {
    const text = await host.query(capture(script))
    const [user = '', listing = '', denied = ''] = text.split(/^@@ (?:sudo|denied)\n?/m)
    return refusalOf(user.trim(), commands, sudoAnswer(lines(listing), lines(denied)))
  } catch (error) {
    // What failed before this is what the user has to hear of.
    if (error instanceof Fault) return undefined
    throw error
  }
}

const lines = (text: string): string[] => text.split('\n').filter(Boolean)
