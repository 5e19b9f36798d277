/**
 * Plans a setup: folders of the deploying user, files of root. Whatever is already as it should be is left alone, so a second setup does nothing.
 * A dry run prints the plan as a diff.
 */
import { type AnyQuery, capture, each, group, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader, readAsRoot } from '../../host/sudo.ts'
import type { Fault } from '../../runner/fault.ts'
import type { HostFile, HostFolder, Provision } from '../contracts.ts'
import { verdict } from '../edited.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Place } from '../place.ts'
import type { Slots } from '../slot.ts'
import { type Account, accountLines, makeAccount } from './account.ts'
import { type ApplicationUser, applicationUser, foreignNote, makeUser } from './application-user.ts'
import type { Facts } from './facts.ts'
import { folders, makeFolders, missingFolders } from './folders.ts'
import { obsolete, type Removal } from './obsolete.ts'
import { SUDOERS, sudoersFile } from './sudoers.ts'
import { type Group, interruptedSetup } from './transaction.ts'

/** Prints the diff of a file of root against its new text, which comes from standard input. Exit code 0: no difference. */
const difference = ({ path }: HostFile, root: boolean): Script => {
  const diff = ['diff', '-u', '-N', '--label', path, '--label', path, path, '-']
  return root ? readAsRoot(diff) : sh.read`${diff}`
}

/** Prints the first path of each link that exists at none of its paths, for example because somebody disabled the site. */
const missingLinks = (links: readonly (readonly string[])[]): Script =>
  sh.lines(
    sh.read`check() { for link; do if [ -L "$link" ]; then return 0; fi; done; printf '%s\\n' "$1"; }`,
    ...links.map(paths => sh.read`check ${paths}`),
  )

export interface Change {
  readonly file: HostFile
  /** '' if the file is up to date. */
  readonly diff: string
  /** Set if others have edited the file: `kept` if it still has what we need, else the lines that it lacks. */
  readonly edited?: 'kept' | readonly string[]
}

/** Compares a file with its new text. */
const changeOf = (file: HostFile, root: boolean): Query<Change> => ({
  script: difference(file, root),
  input: file.text,
  read({ code, stdout, stderr }) {
    // Only root may read the sudoers file. Whether its rules suffice is checked with sudo itself.
    const unreadable = !root && code > 1 && file.path.startsWith(SUDOERS)
    const diff = code === 0 || unreadable ? '' : stdout || stderr
    const decision = verdict(file, diff)
    if (decision === 'write') return { file, diff }
    return decision === 'keep' ? { file, diff: '', edited: 'kept' } : { file, diff, edited: decision }
  },
})

export interface SetupPlan {
  /** Paths of the folders that do not exist, or have the wrong mode or owner. */
  readonly folders: readonly string[]
  /** The files that differ. */
  readonly files: readonly Change[]
  /** Paths of the links that do not exist. */
  readonly links: readonly string[]
  /** Paths of the files that are removed, because no plugin needs them any more. */
  readonly removed: readonly string[]
  /** An earlier setup was interrupted. */
  readonly cut: boolean
  /** The user of the application, if it does not exist. */
  readonly user?: string | undefined
  /** As in `ApplicationUser`. */
  readonly foreign?: ApplicationUser['foreign']
  /** The plan for people: new folders and links, and a diff of the files. Empty if nothing would change. */
  readonly text: string
  /** What remains to be done by hand. */
  readonly notes: readonly string[]
  /** Why the plan must not be carried out: edited files that lack required lines. */
  readonly refused: readonly Fault[]
  readonly prepare: Script
  /** The files and links that are written and applied together. */
  readonly groups: readonly Group[]
}

export interface PlanDeps {
  readonly app: string
  readonly slots: Slots<string>
}

export interface SetupRequest extends PlanDeps {
  /** The name of the host. */
  readonly host: string
  readonly layout: Layout
  /**
   * What the host is for.
   *
   * @default 'everything'
   */
  readonly has?: Place['has']
  readonly provisions: readonly Provision[]
  /** With the deploying account as `user`. */
  readonly facts: Facts
  /** The deploying account, if it differs from the one that we are logged in as. */
  readonly account?: Account | undefined
}

type Part = Pick<Provision, 'files' | 'links' | 'apply' | 'obsolete'>

export function plan(request: SetupRequest): AnyQuery<SetupPlan> {
  const { app, layout, slots, provisions, facts, account, has } = request
  const wanted = folders(layout, has === 'router' ? undefined : slots, provisions)
  const commands = provisions.flatMap(provision => provision.sudo)
  // sudo reads its files on each call, so nothing has to be reloaded.
  const parts: readonly Part[] = [...provisions, { files: [sudoersFile(app, layout, facts, commands)], apply: [] }]
  const compared = parts.map(({ files }) => each(files.map(file => changeOf(file, facts.root))))
  return group(
    [
      capture(asReader(account !== undefined && facts.root, missingFolders(layout, wanted, facts)), linesOf),
      capture(missingLinks(parts.flatMap(({ links = [] }) => links)), linesOf),
      each(compared),
      capture(interruptedSetup(app), text => text !== ''),
      applicationUser(layout, facts.user),
      group(
        parts.map(part => obsolete(layout, part)),
        (...removals) => removals,
      ),
    ],
    (missing, unlinked, changes, cut, application, removals) =>
      planned(request, { wanted, parts, missing, unlinked, changes, cut, application, removals }),
  )
}

const linesOf = (text: string) => text.split('\n').filter(Boolean)

interface Found {
  readonly wanted: readonly HostFolder[]
  readonly parts: readonly Part[]
  /** Paths of folders and links that do not exist. */
  readonly missing: readonly string[]
  readonly unlinked: readonly string[]
  /** One list per part. */
  readonly changes: readonly (readonly Change[])[]
  readonly cut: boolean
  readonly application: ApplicationUser | undefined
  /** One per part. */
  readonly removals: readonly (Removal | undefined)[]
}

function planned(
  { app, host, layout, provisions, facts, account, has }: SetupRequest,
  { wanted, parts, missing: paths, unlinked: links, changes: compared, cut, application, removals }: Found,
): SetupPlan {
  const files = compared.flat().filter(({ diff }) => diff !== '')
  const groups = parts.map(
    (part, i): Group => ({
      files: (compared[i] ?? [])
        .filter(({ diff, edited }) => diff !== '' || (cut && edited !== 'kept'))
        .map(({ file }) => file),
      links: (part.links ?? []).filter(([first = '']) => links.includes(first)).flat(),
      removed: removals[i] ?? { files: [], links: [] },
      end: part.obsolete?.end,
      restored: part.obsolete?.restored,
      apply: part.apply,
    }),
  )
  const removed = removals.flatMap(removal => removal?.files ?? [])
  return {
    folders: paths,
    files,
    links,
    removed,
    cut,
    user: application?.absent ? application.user : undefined,
    foreign: application?.foreign ?? [],
    text: [
      ...(cut ? ['An earlier setup was interrupted. Its files are restored first, then the following is done.'] : []),
      ...(account ? accountLines(account) : []),
      ...(application?.absent ? [`new system user ${application.user}`] : []),
      ...paths.map(path => `new folder ${path}`),
      ...files.map(({ diff }) => diff.trimEnd()),
      ...links.map(path => `new link ${path}`),
      ...removed.map(path => `removed file ${path}, and what it runs is stopped`),
    ].join('\n'),
    notes: [
      ...compared
        .flat()
        .flatMap(({ file, edited }) =>
          edited === 'kept' ? [`${file.path} was edited by others and is left unchanged.`] : [],
        ),
      ...provisions.flatMap(provision => provision.notes ?? []),
      ...(application && application.foreign.length > 0 ? [foreignNote(application)] : []),
    ],
    refused: files.flatMap(({ file, edited }) =>
      typeof edited === 'object' ? [slotFaults.FILE_EDITED({ host, path: file.path, missing: edited })] : [],
    ),
    prepare: sh.lines(
      account ? makeAccount(account) : sh.read`:`,
      application ? makeUser(app, application) : sh.read`:`,
      paths.length > 0 ? makeFolders(layout, wanted, facts, has !== 'router') : sh.read`:`,
    ),
    groups: groups.filter(
      ({ files, links, removed }) => files.length + links.length + (removed?.files.length ?? 0) > 0,
    ),
  }
}
