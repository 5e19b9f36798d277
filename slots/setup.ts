/**
 * Prepares a host: folders of the deploying user, files of root. What stands there already is left alone, so that a second
 * setup does nothing, and a dry run shows what would change as a diff.
 */
import { posix } from 'node:path'
import type { Host } from '../host/host.ts'
import { type Script, sh } from '../host/script.ts'
import type { HostFacts, HostFile, HostFolder, Provision } from './contracts.ts'
import { slotFaults } from './faults.ts'
import type { Layout } from './layout.ts'
import { asRoot, readAsRoot } from './root.ts'
import type { Slots } from './slot.ts'
import { sudoLine } from './sudo/refusal.ts'
import { missingTools, parseMissing, TOOLS } from './tools.ts'

export interface Facts extends HostFacts {
  /** Root, or able to become root without a password. */
  readonly root: boolean
  readonly missing: readonly string[]
}

/** Prints user, group, whether root can be had, and which tools are missing. */
export const lookAt = (tools: readonly string[]): Script => sh.read`
id -un
id -gn
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then echo root; else echo user; fi
${missingTools(tools)}`

/** Throws `NOT_SET_UP` when the application's folders are not there, or are not ours to write. */
export async function assertSetUp(host: Host, layout: Layout): Promise<void> {
  const { code } = await host.run(sh.read`test -w ${layout.releases}`)
  if (code !== 0) throw slotFaults.NOT_SET_UP({ host: host.name, root: layout.root })
}

/** Whether there is a lock to take: a setup of ours was here before. Root must not make the file, which it would own. */
export async function mayLock(host: Host, { root, lock }: Layout): Promise<boolean> {
  return (await host.run(sh.read`[ -O ${root} ] || [ -w ${lock} ]`)).code === 0
}

/** Throws `TOOLS_MISSING` with the line that installs them. */
export async function facts(host: Host, provisions: (facts: HostFacts) => readonly Provision[]): Promise<Facts> {
  const wanted = provisions({ user: '', group: '' }).map(want => want.tools)
  const tools: Readonly<Record<string, string>> = Object.assign({}, TOOLS, ...wanted)
  const [user = '', group = '', root, ...missing] = (await host.ask(lookAt(Object.keys(tools)))).split('\n')
  const lacking = parseMissing(missing, tools)
  if (lacking) throw slotFaults.TOOLS_MISSING(lacking)
  return { user, group, root: root === 'root', missing }
}

/** The application's folders. nginx's workers may pass through the root and read the router's; the rest is the user's alone. */
export const folders = (layout: Layout, slots: Slots<string>, provisions: readonly Provision[]): HostFolder[] => [
  { path: layout.releases, mode: 0o755 },
  ...slots.names.flatMap(name => [
    { path: layout.slot(name).dir, mode: 0o700 },
    { path: layout.slot(name).tmp, mode: 0o700 },
  ]),
  ...provisions.flatMap(want => want.folders),
]

const octal = (mode: number) => mode.toString(8).padStart(4, '0')

/** Makes the root folder, as root because `/srv` is root's, and the folders in it. Harmless when run again. */
export const makeFolders = (layout: Layout, wanted: readonly HostFolder[], { user, group }: HostFacts): Script =>
  sh.lines(
    sh.write`[ -O ${layout.root} ] || ${asRoot(['install', '-d', '-o', user, '-g', group, '-m', '0711', layout.root])}`,
    ...wanted.map(({ path, mode }) => sh.write`mkdir -p ${path}\nchmod ${octal(mode)} ${path}`),
    // So that a later setup, which takes the lock, makes nothing new.
    sh.write`: >> ${layout.lock}`,
  )

/** Prints `missing` for each folder that is not there or has another mode. */
export const missingFolders = (layout: Layout, wanted: readonly HostFolder[]): Script =>
  sh.lines(
    sh.read`look() { [ "$(stat -c %a "$2" 2>/dev/null)" = "$1" ] && [ -O "$2" ] || printf '%s\\n' "$2"; }`,
    ...[{ path: layout.root, mode: 0o711 }, ...wanted].map(
      ({ path, mode }) => sh.read`look ${mode.toString(8)} ${path}`,
    ),
  )

/** The sudoers file: exactly these command lines, nothing with a wildcard. Format: sudoers(5). */
export function sudoersFile(app: string, { user }: HostFacts, commands: readonly (readonly string[])[]): HostFile {
  const lines = [...new Set(commands.map(words => sudoLine(user, [words])))]
  return {
    path: `/etc/sudoers.d/switchyard-${app}`,
    mode: 0o440,
    text: `# What deploying ${app} may do as root. Made by \`task setup\`.\n${lines.map(line => `${line}\n`).join('')}`,
  }
}

/** Prints how a file of root differs from what it should be; exit 0 when it does not. The new text comes by standard input. */
const difference = ({ path }: HostFile, root: boolean): Script => {
  const diff = ['diff', '-u', '-N', '--label', path, '--label', path, path, '-']
  return root ? readAsRoot(diff) : sh.read`${diff}`
}

/** Installs a file of root: beside it under another name, looked at where a program can, then one rename. */
function place({ path, mode }: HostFile): Script {
  const next = posix.join(posix.dirname(path), `.${posix.basename(path)}.next`)
  return sh.lines(
    asRoot(['mkdir', '-p', posix.dirname(path)]),
    sh.write`${asRoot(['tee', next])} > /dev/null`,
    asRoot(['chmod', octal(mode), next]),
    ...(path.startsWith('/etc/sudoers.d/') ? [asRoot(['/usr/sbin/visudo', '-c', '-q', '-f', next])] : []),
    asRoot(['mv', '-T', next, path]),
  )
}

/** Prints those of the links that are at none of their paths, as when somebody disabled the site; the first path of each. */
export const missingLinks = (links: readonly (readonly string[])[]): Script =>
  sh.lines(
    sh.read`look() { for link; do if [ -L "$link" ]; then return 0; fi; done; printf '%s\\n' "$1"; }`,
    ...links.map(paths => sh.read`look ${paths}`),
  )

interface Change {
  readonly file: HostFile
  readonly diff: string
}

/** Which of the files differ from what they should be, and how. */
async function changes(host: Host, root: boolean, files: readonly HostFile[]): Promise<readonly Change[]> {
  const found = await Promise.all(
    files.map(async file => {
      const { code, stdout, stderr } = await host.run(difference(file, root), { input: file.text })
      return { file, diff: code === 0 ? '' : stdout || stderr }
    }),
  )
  return found.filter(({ diff }) => diff !== '')
}

/** What a setup would do. */
export interface SetupPlan {
  /** Paths of the folders that are not there, or not as they should be. */
  readonly folders: readonly string[]
  readonly files: readonly Change[]
  /** Paths of the links that are not there. */
  readonly links: readonly string[]
  /** For people: the new folders and links, and the files as a diff; empty when nothing would change. */
  readonly text: string
  /** What is left for a person to do. */
  readonly notes: readonly string[]
  readonly makeFolders: Script
  readonly apply: readonly Script[]
}

export interface SetupWishes {
  readonly app: string
  readonly layout: Layout
  readonly slots: Slots<string>
  readonly provisions: readonly Provision[]
  readonly facts: Facts
}

export async function plan(host: Host, { app, layout, slots, provisions, facts }: SetupWishes): Promise<SetupPlan> {
  const wanted = folders(layout, slots, provisions)
  const sudoers = sudoersFile(
    app,
    facts,
    provisions.flatMap(want => want.sudo),
  )
  // The sudoers file comes last: when it stands there, all that comes before it was done.
  const [missing, unlinked, files] = await Promise.all([
    host.ask(missingFolders(layout, wanted)),
    host.ask(missingLinks(provisions.flatMap(want => want.links ?? []))),
    changes(host, facts.root, [...provisions.flatMap(want => want.files), sudoers]),
  ])
  const paths = missing.split('\n').filter(Boolean)
  const links = unlinked.split('\n').filter(Boolean)
  return {
    folders: paths,
    files,
    links,
    text: [
      ...paths.map(path => `new folder ${path}`),
      ...files.map(({ diff }) => diff.trimEnd()),
      ...links.map(path => `new link ${path}`),
    ].join('\n'),
    notes: provisions.flatMap(want => want.notes ?? []),
    makeFolders: makeFolders(layout, wanted, facts),
    apply: provisions.flatMap(want => want.apply),
  }
}

/**
 * Does it. `before` is called when all files but the last stand there and nothing has read them yet: what must be in place
 * when the router first sees its site goes there.
 */
export async function install(host: Host, planned: SetupPlan, before: () => Promise<void> | undefined): Promise<void> {
  const { folders, files, links, makeFolders, apply } = planned
  if (folders.length > 0) await host.ask(makeFolders)
  const put = async ({ file }: Change) => {
    await host.ask(place(file), { input: file.text })
  }
  for (const change of files.slice(0, -1)) await put(change)
  await before()
  if (files.length > 0 || links.length > 0)
    for (const { text } of apply) await host.ask(asRoot(['bash', '-c', `set -eu -o pipefail; ${text}`]))
  for (const change of files.slice(-1)) await put(change)
}
