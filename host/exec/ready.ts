/**
 * Starts a bash that reports when it is ready for its script. It gets no byte before: a program that a start-up file of the account runs instead, or a
 * start-up file that reads its stdin, must never read, let alone run, a script.
 */
import type { Readable } from 'node:stream'
import { hostFaults } from '../faults.ts'
import { type Ending, isLost, type Session } from '../machine.ts'
import { quote } from '../script.ts'

/**
 * Prints a mark on each stream, which separates our output from that of the account's start-up files: with the pid of the process group's leader on
 * stderr, and with `z` on stdout if there is a gzip. Then reads the script up to a NUL; the rest of stdin is the script's input.
 *
 * - `TMOUT`, if the account sets it, would end a shell that waits for its script.
 * - `POSIXLY_CORRECT` changes the behaviour of bash and of the GNU tools.
 * - `inherit_errexit`: without it a `$( )` continues after a failed command, although `set -e` is on.
 * - `umask`: nginx's workers need access to the folders of the router, whatever the account's start-up files set.
 */
export const READER =
  'unset TMOUT POSIXLY_CORRECT; set +o posix; shopt -s inherit_errexit; umask 022; s=; hash gzip 2>&- && s=z; printf "\\0%s\\n" $$ >&2; printf "\\0%s\\n" "$s"; IFS= read -r -d "" s || exit 0; eval "$s"'

/**
 * The arguments before `READER`. `--norc`: a bash whose stdin is a socket would read the account's start-up file. `-p`: ignores functions, options
 * (`SHELLOPTS`) and the start-up file (`BASH_ENV`) of the environment.
 */
export const BASH = ['bash', '--norc', '-p', '-c'] as const

/**
 * A command line for any login shell. With `exec` no function of the account can shadow the program. `plain` is for a shell that forbids `exec`, as
 * rbash does, or has an alias of that name; the quotes keep an alias from being expanded.
 */
export function startBash(text: string, form: 'exec' | 'plain'): string {
  const [program, ...args] = BASH
  return `${form === 'exec' ? `exec ${program}` : `"${program}"`} ${args.join(' ')} ${quote(inOneLine(text))}`
}

/** tcsh ends a quoted word at the end of its line, and expands a `!` in it from its history. */
const inOneLine = (text: string): string =>
  /[\n!]/.test(text)
    ? `eval $'${text.replace(/[\\'\n!]/g, char => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`
    : text

/** Milliseconds that the account's start-up files may take. */
const START = 15_000
/** Milliseconds that they get after the end of their stdin, to find out what they wait for. */
const ENDED = 3_000

export interface Ready {
  readonly pid: number
  /** Whether the machine has gzip. */
  readonly gzip: boolean
}

/**
 * Resolves when the shell is ready for its script. Its output streams flow from then on; output before the script is dropped.
 *
 * @throws NO_BASH if the shell does not become ready, CONNECTION_LOST
 */
export async function ready(
  host: string,
  { stdin, stdout, stderr, closed, close }: Pick<Session, 'stdin' | 'stdout' | 'stderr' | 'closed' | 'close'>,
): Promise<Ready> {
  const [out, err] = [marked(stdout), marked(stderr)]
  stdin.on('error', () => undefined)
  const started = Promise.all([err.mark, out.mark]).then(
    ([pid, tools]): Ready => ({ pid: Number(pid), gzip: tools === 'z' }),
  )
  const fail = (why: string) => hostFaults.NO_BASH({ host, why, output: excerpt(out.before(), err.before()) })
  const first = await within<Ready | Ending>([started, closed], START)
  if (isReady(first)) return first
  if (first !== undefined) {
    if (isLost(first) && first.cut)
      throw hostFaults.CONNECTION_LOST({ host, during: 'starting bash', reason: first.lost })
    throw fail(describeEnding(first))
  }
  // It still runs. Ending its stdin shows whether it waits for input.
  stdin.end()
  const then = await within<Ready | Ending>([started, closed], ENDED)
  close()
  // A shell whose input has ended may be ready and gone in one moment.
  if (out.found() && err.found()) throw fail('a start-up file of the account reads the standard input')
  if (then === undefined) throw fail(`the account's start-up files have not ended after ${START / 1000} s`)
  throw fail('a start-up file of the account starts another program in its place (such as "exec zsh")')
}

const isReady = (result: Ready | Ending | undefined): result is Ready => result !== undefined && 'pid' in result

/** Matches the message about a login shell that exited before bash started. */
export const EARLY = /before it started bash/

const describeEnding = (ending: Ending): string =>
  isLost(ending)
    ? `its login shell was gone before it started bash (${ending.lost})`
    : `its login shell ended with ${ending.code === null ? ending.signal : `code ${ending.code}`} before it started bash`

async function within<T>(promises: readonly Promise<T>[], milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, milliseconds, undefined)
  })
  return Promise.race([...promises, late]).finally(() => clearTimeout(timer))
}

/** Characters of a start-up file's output to show. */
const LONGEST = 160

const excerpt = (...chunks: readonly Buffer[]): string =>
  Buffer.concat(chunks).toString().trim().split('\n').slice(-3).join(' ').slice(0, LONGEST)

/** Bytes to keep of the end of a start-up file's output. */
const KEPT = 65_536

function marked(stream: Readable): { readonly mark: Promise<string>; found(): boolean; before(): Buffer } {
  let before = Buffer.alloc(0)
  let done = false
  const mark = new Promise<string>(resolve => {
    const onData = (chunk: Buffer) => {
      before = Buffer.concat([before, chunk]).subarray(-KEPT)
      const found = /\0(\w*)\n/.exec(before.toString('latin1'))
      if (found === null) return
      stream.off('data', onData)
      done = true
      resolve(found[1] ?? '')
    }
    stream.on('data', onData)
  })
  return { mark, found: () => done, before: () => before }
}
