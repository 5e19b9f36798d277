/**
 * Writes the files of a setup as one transaction of root on the host: either all of them are written and in force, or all are as before. The
 * originals are backed up in a folder until then. A left-over backup means that a setup was interrupted; the next one restores it first.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import type { HostFile } from '../contracts.ts'
import { octal } from './folders.ts'
import type { Removal } from './obsolete.ts'

/** Other users may traverse it, to see whether a setup was interrupted; only root can read a backup. */
const STORE = '/var/lib/switchyard'
const storeOf = (app: string) => posix.join(STORE, `${app}.setup`)

/** Files that are applied together. */
export interface Group {
  readonly files: readonly HostFile[]
  /** Paths of missing links that `apply` creates, each link at one of several. */
  readonly links: readonly string[]
  readonly removed?: Removal
  /** Runs for each removed file, before `apply`; see `Obsolete`. */
  readonly end?: Script | undefined
  /** Runs after `apply` if the removed files were restored. */
  readonly restored?: Script | undefined
  readonly apply: readonly Script[]
}

export interface Transaction {
  readonly app: string
  /** The id of the run. */
  readonly deploy: string
  /** Only the files and links that change. */
  readonly groups: readonly Group[]
  /** Runs before the files are written, to create the account and the folders. */
  readonly prepare: Script
}

/** Exit codes of the scripts. They print the output of the command that failed. */
export const ENDED = EXIT.setup

interface Scripts {
  readonly app: string
  /** Reload the services after the files are restored, and with the new files. */
  readonly again: readonly Script[]
  readonly inForce: readonly Script[]
}

const functions = ({ app, again, inForce }: Scripts): Script =>
  program(new URL('./transaction.sh', import.meta.url), {
    writes: true,
    parameters: {
      store: storeOf(app),
      again: sh.lines(...again.map(bash)),
      inForce: sh.lines(...inForce.map(bash)),
      ...ENDED,
    },
  })

const scriptsOf = ({ app, groups }: Pick<Transaction, 'app' | 'groups'>): Scripts => ({
  app,
  again: groups
    .filter(({ links }) => links.length === 0)
    .flatMap(({ apply, removed, restored }) => [...apply, ...(restored && removed?.files.length ? [restored] : [])]),
  inForce: groups.flatMap(({ apply, end, removed }) => [
    ...(end && removed ? removed.files.map(path => sh.write`set -- ${path}\n${end}`) : []),
    ...apply,
  ]),
})

/** Runs in a shell of its own, where `set -e` works. */
const bash = ({ text }: Script): Script => sh.write`bash -eu -o pipefail -c ${text}`

const nextTo = (path: string) => posix.join(posix.dirname(path), `.${posix.basename(path)}.next`)

const stage = ({ path, mode, text, check }: HostFile): Script => sh.write`
mkdir -p ${posix.dirname(path)}
(umask 077; printf %s ${text} > ${nextTo(path)})
chmod ${octal(mode)} ${nextTo(path)}
${check ? sh.read`${[...check, nextTo(path)]}` : sh.read`:`}`

/** Writes all files and applies them. With `hold` they are only written: `applyScript` then applies them, or `takeBackScript` restores the originals. */
export function writeScript(transaction: Transaction, hold: boolean): Script {
  const { deploy, groups, prepare } = transaction
  const files = groups.flatMap(group => group.files)
  const removed = groups.flatMap(({ removed }) => (removed ? [...removed.files, ...removed.links] : []))
  const paths = [...files.map(({ path }) => path), ...groups.flatMap(({ links }) => links), ...removed]
  return uninterrupted(
    scriptsOf(transaction),
    program(new URL('./write.sh', import.meta.url), {
      writes: true,
      parameters: {
        deploy,
        paths,
        drafts: files.map(({ path }) => nextTo(path)),
        prepare,
        stage: sh.lines(...files.map(stage)),
        putFiles: sh.lines(
          ...files.map(({ path }) => sh.write`mv -T ${nextTo(path)} ${path}`),
          removed.length === 0 ? sh.read`:` : sh.write`rm -f -- ${removed}`,
        ),
        rest: hold ? sh.read`finish 0` : apply,
        ...ENDED,
      },
    }),
  )
}

/** Files and links that are deleted together. */
export interface Deletion {
  readonly app: string
  /** The id of the run. */
  readonly deploy: string
  /** They need not exist. */
  readonly paths: readonly string[]
  /** Put the deletion into effect. */
  readonly unapply: readonly Script[]
  /** Put the files into effect again, if they are restored. */
  readonly apply: readonly Script[]
}

/** Deletes all paths, or none of them if the services cannot be reloaded without them. */
export const deleteScript = ({ app, deploy, paths, unapply, apply: again }: Deletion): Script =>
  uninterrupted(
    { app, again, inForce: unapply },
    program(new URL('./write.sh', import.meta.url), {
      writes: true,
      parameters: {
        deploy,
        paths,
        drafts: [],
        prepare: sh.read`:`,
        stage: sh.read`:`,
        putFiles: sh.write`rm -f -- ${paths}`,
        rest: apply,
        ...ENDED,
      },
    }),
  )

const apply: Script = sh.write`attempt in_force
if [ "$code" != 0 ]; then take_back; fi
attempt commit
finish "$code"`

const assertOwn = (deploy: string): Script =>
  sh.read`if [ "$(cat "$store/deploy" 2>/dev/null)" != ${deploy} ]; then finish ${ENDED.gone}; fi`

/** Applies files that were written with `hold`. Exits with `gone` if there are none. */
export const applyScript = (transaction: Transaction): Script =>
  uninterrupted(scriptsOf(transaction), sh.lines(sh.read`mine`, assertOwn(transaction.deploy), apply))

/** Restores the originals, after a script that is still writing has ended. Exits with `gone` if there is nothing to restore. */
export const takeBackScript = (transaction: Transaction): Script =>
  uninterrupted(
    scriptsOf(transaction),
    sh.lines(sh.read`mine`, assertOwn(transaction.deploy), sh.read`: > "$output"; take_back`),
  )

/** Ignores signals, and runs nothing unless the script has arrived up to its last line. */
const uninterrupted = (scripts: Scripts, main: Script): Script =>
  sh.write`main() {
trap '' HUP INT TERM PIPE
${functions(scripts)}
${main}
}
main`

/** Prints `cut` if an earlier setup left its backup behind. */
export const interruptedSetup = (app: string): Script => sh.read`[ ! -e ${storeOf(app)} ] || echo cut`
