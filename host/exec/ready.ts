/**
 * A shell that says when it waits for its script. It gets no byte before: what an account's start-up file put in its place, or
 * asks for input itself, must never read, let alone run, what was meant for bash.
 */
import type { Readable } from 'node:stream'
import { hostFaults } from '../faults.ts'
import { type Ending, isLost, type Session } from '../machine.ts'
import { quote } from '../script.ts'

/**
 * The marks tell our output from what the account's own start-up files print before it, and bring the pid of the process group's
 * leader. Then it takes the script up to a NUL, and what follows is the script's input.
 *
 * - `TMOUT` of the account would end a shell that waits for its script.
 * - `POSIXLY_CORRECT` changes what bash and the tools of GNU understand.
 * - `inherit_errexit`: without it a `$( )` goes on behind a command that failed, although `set -e` is on.
 * - `umask`: nginx's workers have to see the folders of the router, whatever the account's own files are like.
 */
export const READER =
  'unset TMOUT POSIXLY_CORRECT; set +o posix; shopt -s inherit_errexit; umask 022; printf "\\0%s\\n" $$ >&2; printf "\\0\\n"; IFS= read -r -d "" s || exit 0; eval "$s"'

/**
 * Words before `READER`. `--norc`: a bash whose input is a socket reads the account's start-up file. `-p`: it takes no functions, options
 * (`SHELLOPTS`) or start-up file (`BASH_ENV`) from its environment.
 */
export const BASH = ['bash', '--norc', '-p', '-c'] as const

/**
 * A command line for an account's login shell, whichever that is. With `exec` no function of the account can come before the program; the plain one
 * is for a shell that forbids `exec`, as rbash does, or has an alias of that name. A quoted word is no alias.
 */
export function startBash(text: string, way: 'exec' | 'plain'): string {
  const [program, ...words] = BASH
  return `${way === 'exec' ? `exec ${program}` : `"${program}"`} ${words.join(' ')} ${quote(inOneLine(text))}`
}

/** tcsh ends a quoted word where its line ends, and takes a `!` in it for a command of before. */
const inOneLine = (text: string): string =>
  /[\n!]/.test(text)
    ? `eval $'${text.replace(/[\\'\n!]/g, it => `\\x${it.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`
    : text

/** How long the account's start-up files may take, and what they still do when their input has ended, in milliseconds. */
const START = 15_000
const ENDED = 3_000

/**
 * Resolves to the pid of the shell when it waits for its script, and throws `NO_BASH` when it will not. Its outputs flow from then on: what comes
 * before the script is nobody's.
 */
export async function ready(
  host: string,
  { stdin, stdout, stderr, closed, close }: Pick<Session, 'stdin' | 'stdout' | 'stderr' | 'closed' | 'close'>,
): Promise<number> {
  const [out, err] = [marked(stdout), marked(stderr)]
  stdin.on('error', () => undefined)
  const begun = Promise.all([err.mark, out.mark]).then(([pid]) => pid)
  const fail = (why: string) => hostFaults.NO_BASH({ host, why, said: said(out.before(), err.before()) })
  const first = await soon<number | Ending>([begun, closed], START)
  if (typeof first === 'number') return first
  if (first !== undefined) {
    if (isLost(first) && first.cut)
      throw hostFaults.CONNECTION_LOST({ host, during: 'starting bash', reason: first.lost })
    throw fail(how(first))
  }
  // It waits. With its input at an end it shows for what.
  stdin.end()
  const then = await soon<number | Ending>([begun, closed], ENDED)
  close()
  if (typeof then === 'number') throw fail('a start-up file of the account reads the standard input')
  if (then === undefined) throw fail(`the account's start-up files have not ended after ${START / 1000} s`)
  throw fail('a start-up file of the account starts another program in its place (such as "exec zsh")')
}

/** Found in what is told of a login shell that ended too early. */
export const EARLY = /before it started bash/

const how = (ending: Ending): string =>
  isLost(ending)
    ? `its login shell was gone before it started bash (${ending.lost})`
    : `its login shell ended with ${ending.code === null ? ending.signal : `code ${ending.code}`} before it started bash`

async function soon<T>(promises: readonly Promise<T>[], milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, milliseconds, undefined)
  })
  return Promise.race([...promises, late]).finally(() => clearTimeout(timer))
}

/** Characters of what a start-up file said that are shown. */
const LONGEST = 160

const said = (...chunks: readonly Buffer[]): string =>
  Buffer.concat(chunks).toString().trim().split('\n').slice(-3).join(' ').slice(0, LONGEST)

/** How much of the end of what a start-up file prints is kept, in bytes. */
const KEPT = 65_536

function marked(stream: Readable): { readonly mark: Promise<number>; before(): Buffer } {
  let before = Buffer.alloc(0)
  const mark = new Promise<number>(resolve => {
    const hear = (chunk: Buffer) => {
      before = Buffer.concat([before, chunk]).subarray(-KEPT)
      const found = /\0(\d*)\n/.exec(before.toString('latin1'))
      if (found === null) return
      stream.off('data', hear)
      resolve(Number(found[1]))
    }
    stream.on('data', hear)
  })
  return { mark, before: () => before }
}
