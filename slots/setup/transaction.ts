/**
 * The files of a setup as one transaction of root's on the host: all of them stand there and are in force, or all are as they were. What was there
 * before is kept in a folder until then; one that is left over says that a setup was cut, and the next one puts it back first.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot } from '../../host/sudo.ts'
import type { HostFile } from '../contracts.ts'
import { octal } from './folders.ts'

/** Others may pass through, and see whether a setup was cut; only root reads it. */
const STORE = '/var/lib/switchyard'
const storeOf = (app: string) => posix.join(STORE, `${app}.setup`)

/** Files that are put in force together. */
export interface Group {
  readonly files: readonly HostFile[]
  /** Paths of links that are not there and that `apply` makes, each link at one of several. */
  readonly links: readonly string[]
  readonly apply: readonly Script[]
}

export interface Transaction {
  readonly app: string
  /** The run that it belongs to. */
  readonly deploy: string
  /** Only what changes. */
  readonly groups: readonly Group[]
  /** What must be there before the files are: folders. */
  readonly prepare: Script
}

/** How the scripts end. Their output is then what the command that failed has said. */
export const ENDED = EXIT.setup

/**
 * A script for root that goes to its end: neither Ctrl-C nor a connection that breaks stops it half way. It travels as the input of a shell, which begins
 * when it has all of it, because a command line of sudo's is logged.
 */
export const throughRoot: Script = asRoot(['bash', '-c', 'set -eu -o pipefail; eval "$(cat)"'])

const functions = ({ app, groups }: Pick<Transaction, 'app' | 'groups'>): Script =>
  program(new URL('./transaction.sh', import.meta.url), {
    writes: true,
    parameters: {
      store: storeOf(app),
      again: sh.lines(...groups.filter(({ links }) => links.length === 0).flatMap(({ apply }) => apply.map(bash))),
      inForce: sh.lines(...groups.flatMap(({ apply }) => apply.map(bash))),
      ...ENDED,
    },
  })

/** In a shell of its own, so that its errors end it. */
const bash = ({ text }: Script): Script => sh.write`bash -eu -o pipefail -c ${text}`

const nextTo = (path: string) => posix.join(posix.dirname(path), `.${posix.basename(path)}.next`)

const stage = ({ path, mode, text, check }: HostFile): Script => sh.write`
mkdir -p ${posix.dirname(path)}
(umask 077; printf %s ${text} > ${nextTo(path)})
chmod ${octal(mode)} ${nextTo(path)}
${check ? sh.read`${[...check, nextTo(path)]}` : sh.read`:`}`

/** Writes all files, and puts them in force unless `hold`: then `applied` does that, or `takenBack` puts them back. */
export function written(transaction: Transaction, hold: boolean): Script {
  const { deploy, groups, prepare } = transaction
  const files = groups.flatMap(group => group.files)
  const paths = [...files.map(({ path }) => path), ...groups.flatMap(({ links }) => links)]
  return whole(
    transaction,
    program(new URL('./write.sh', import.meta.url), {
      writes: true,
      parameters: {
        deploy,
        paths,
        drafts: files.map(({ path }) => nextTo(path)),
        prepare,
        stage: sh.lines(...files.map(stage)),
        putFiles: sh.lines(...files.map(({ path }) => sh.write`mv -T ${nextTo(path)} ${path}`)),
        rest: hold ? sh.read`finish 0` : force,
        ...ENDED,
      },
    }),
  )
}

const force: Script = sh.write`attempt in_force
if [ "$code" != 0 ]; then take_back; fi
attempt commit
finish "$code"`

const whose = (deploy: string): Script =>
  sh.read`if [ "$(cat "$store/deploy" 2>/dev/null)" != ${deploy} ]; then finish ${ENDED.gone}; fi`

/** The second half of one that was held. Ends with `gone` when there is none. */
export const applied = (transaction: Transaction): Script =>
  whole(transaction, sh.lines(sh.read`mine`, whose(transaction.deploy), force))

/** Puts everything back, after what still writes has ended. Ends with `gone` when there is nothing to put back, because it never began or is done. */
export const takenBack = (transaction: Transaction): Script =>
  whole(transaction, sh.lines(sh.read`mine`, whose(transaction.deploy), sh.read`: > "$said"; take_back`))

/** Nothing of it is run unless its last line has come. */
const whole = (transaction: Transaction, main: Script): Script =>
  sh.write`main() {
trap '' HUP INT TERM PIPE
${functions(transaction)}
${main}
}
main`

/** Prints `cut` when a setup did not come to its end, and nobody is at work on it. */
export const leftOver = (app: string): Script => sh.read`[ ! -e ${storeOf(app)} ] || echo cut`
