/**
 * What a setup would do: folders of the deploying user, files of root. What stands there already is left alone, so that a second
 * setup does nothing, and a dry run shows what would change as a diff.
 */
import { type AnyQuery, capture, each, group, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader, readAsRoot } from '../../host/sudo.ts'
import type { Fault } from '../../runner/fault.ts'
import type { HostFile, HostFolder, Provision } from '../contracts.ts'
import { verdict } from '../edited.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'
import { type Account, accountLines, makeAccount } from './account.ts'
import type { Facts } from './facts.ts'
import { folders, makeFolders, missingFolders } from './folders.ts'
import { SUDOERS, sudoersFile } from './sudoers.ts'
import { type Group, leftOver } from './transaction.ts'

/** Prints how a file of root differs from what it should be; exit 0 when it does not. The new text comes by standard input. */
const difference = ({ path }: HostFile, root: boolean): Script => {
  const diff = ['diff', '-u', '-N', '--label', path, '--label', path, path, '-']
  return root ? readAsRoot(diff) : sh.read`${diff}`
}

/** Prints those of the links that are at none of their paths, as when somebody disabled the site; the first path of each. */
const missingLinks = (links: readonly (readonly string[])[]): Script =>
  sh.lines(
    sh.read`look() { for link; do if [ -L "$link" ]; then return 0; fi; done; printf '%s\\n' "$1"; }`,
    ...links.map(paths => sh.read`look ${paths}`),
  )

export interface Change {
  readonly file: HostFile
  /** '' when the file is as it should be, and is written again because a setup was cut. */
  readonly diff: string
  /** Others have edited it, and it is good as it is; or the lines that it needs and has not. */
  readonly edited?: 'kept' | readonly string[]
}

/** Whether a file differs from what it should be, and how. */
const changeOf = (file: HostFile, root: boolean): Query<Change> => ({
  script: difference(file, root),
  input: file.text,
  read({ code, stdout, stderr }) {
    // Only root may read that one; whether it says enough is what sudo tells.
    const unseen = !root && code > 1 && file.path.startsWith(SUDOERS)
    const diff = code === 0 || unseen ? '' : stdout || stderr
    const judged = verdict(file, diff)
    if (judged === 'write') return { file, diff }
    return judged === 'keep' ? { file, diff: '', edited: 'kept' } : { file, diff, edited: judged }
  },
})

/** What a setup would do. */
export interface SetupPlan {
  /** Paths of the folders that are not there, or not as they should be. */
  readonly folders: readonly string[]
  /** Those that differ. */
  readonly files: readonly Change[]
  /** Paths of the links that are not there. */
  readonly links: readonly string[]
  /** A setup before this one did not come to its end. */
  readonly cut: boolean
  /** For people: the new folders and links, and the files as a diff; empty when nothing would change. */
  readonly text: string
  /** What is left for a person to do. */
  readonly notes: readonly string[]
  /** Why it must not be done: files that others have edited lack what is needed now. */
  readonly refused: readonly Fault[]
  readonly prepare: Script
  /** What is written and put in force together. */
  readonly groups: readonly Group[]
}

export interface SetupWishes {
  /** The name of the host. */
  readonly host: string
  readonly app: string
  readonly layout: Layout
  readonly slots: Slots<string>
  readonly provisions: readonly Provision[]
  /** Its user is the one that deploys. */
  readonly facts: Facts
  /** That user, where it is another than the one that we are. */
  readonly account?: Account | undefined
}

type Part = Pick<Provision, 'files' | 'links' | 'apply'>

export function plan(wishes: SetupWishes): AnyQuery<SetupPlan> {
  const { app, layout, slots, provisions, facts, account } = wishes
  const wanted = folders(layout, slots, provisions)
  const commands = provisions.flatMap(want => want.sudo)
  // sudo reads its files each time: nothing has to be told of them.
  const parts: readonly Part[] = [...provisions, { files: [sudoersFile(app, layout.root, facts, commands)], apply: [] }]
  const compared = parts.map(({ files }) => each(files.map(file => changeOf(file, facts.root))))
  return group(
    [
      capture(asReader(account !== undefined && facts.root, missingFolders(layout, wanted, facts)), linesOf),
      capture(missingLinks(parts.flatMap(({ links = [] }) => links)), linesOf),
      each(compared),
      capture(leftOver(app), left => left !== ''),
    ],
    (missing, unlinked, changes, cut) => planned(wishes, { wanted, parts, missing, unlinked, changes, cut }),
  )
}

const linesOf = (text: string) => text.split('\n').filter(Boolean)

interface Found {
  readonly wanted: readonly HostFolder[]
  readonly parts: readonly Part[]
  /** Paths of folders and links that are not there. */
  readonly missing: readonly string[]
  readonly unlinked: readonly string[]
  /** Of each part. */
  readonly changes: readonly (readonly Change[])[]
  readonly cut: boolean
}

function planned(
  { host, layout, provisions, facts, account }: SetupWishes,
  { wanted, parts, missing: paths, unlinked: links, changes: compared, cut }: Found,
): SetupPlan {
  const files = compared.flat().filter(({ diff }) => diff !== '')
  const groups = parts.map(
    (part, i): Group => ({
      files: (compared[i] ?? [])
        .filter(({ diff, edited }) => diff !== '' || (cut && edited !== 'kept'))
        .map(({ file }) => file),
      links: (part.links ?? []).filter(([first = '']) => links.includes(first)).flat(),
      apply: part.apply,
    }),
  )
  return {
    folders: paths,
    files,
    links,
    cut,
    text: [
      ...(cut ? ['An earlier setup was cut: what it had written is put back first, then all of this is done.'] : []),
      ...(account ? accountLines(account) : []),
      ...paths.map(path => `new folder ${path}`),
      ...files.map(({ diff }) => diff.trimEnd()),
      ...links.map(path => `new link ${path}`),
    ].join('\n'),
    notes: [
      ...compared
        .flat()
        .flatMap(({ file, edited }) =>
          edited === 'kept' ? [`${file.path} was edited by others, and stays as it is.`] : [],
        ),
      ...provisions.flatMap(want => want.notes ?? []),
    ],
    refused: files.flatMap(({ file, edited }) =>
      typeof edited === 'object' ? [slotFaults.FILE_EDITED({ host, path: file.path, missing: edited })] : [],
    ),
    prepare: sh.lines(
      account ? makeAccount(account) : sh.read`:`,
      paths.length > 0 ? makeFolders(layout, wanted, facts) : sh.read`:`,
    ),
    groups: groups.filter(group => group.files.length + group.links.length > 0),
  }
}
