/** The application's folders on a host. */
import { posix } from 'node:path'
import { type Script, sh } from '../../host/script.ts'
import type { HostFacts, HostFolder, Provision } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'

/**
 * Modes: nginx's workers may traverse the root folder and read the router's folder. The slots are private to the user; an application with a user of its own
 * may traverse them.
 *
 * @param slots undefined for a host that has the router alone
 */
export const folders = (
  layout: Layout,
  slots: Slots<string> | undefined,
  provisions: readonly Provision[],
): HostFolder[] => [
  ...(slots ? [{ path: layout.releases, mode: 0o755 }] : []),
  ...(slots?.names ?? []).flatMap(name => [
    { path: layout.slot(name).dir, mode: layout.user === undefined ? 0o700 : 0o711 },
    { path: layout.slot(name).tmp, mode: 0o700 },
  ]),
  ...(layout.user !== undefined ? [{ path: layout.shared.dir, mode: 0o755, owner: layout.user }] : []),
  ...provisions.flatMap(provision => provision.folders),
]

/**
 * Runs as root, since `/srv` belongs to root. Creates the root folder as root and the folders inside it as the user: root must not follow links
 * that the user controls. Idempotent; changes no owner but that of a folder of the application, and nothing in it.
 */
export const makeFolders = (
  layout: Layout,
  wanted: readonly HostFolder[],
  { user, group }: HostFacts,
  journal = true,
): Script =>
  sh.lines(
    sh.write`as_user() { if [ ${user} = root ]; then "$@"; else runuser -u ${user} -- "$@"; fi; }`,
    sh.write`[ -d ${layout.root} ] || install -d -o ${user} -g ${group} -m 0711 ${layout.root}`,
    sh.write`as_user bash -eu -c ${
      sh.lines(
        sh.write`umask 022; cd ${layout.root}; chmod 0711 .`,
        ...wanted.map(({ path, mode, owner }) => {
          const make = sh.write`mkdir -p ${path}; chmod ${octal(mode)} ${path}`
          return owner === undefined ? make : sh.write`[ -d ${path} ] || { ${make}; }`
        }),
        // A later setup, which takes the lock and may run as another account, must not create these files.
        journal ? sh.write`: >> ${layout.lock}; : >> ${layout.journal}` : sh.write`: >> ${layout.lock}`,
      ).text
    }`,
    ...wanted.flatMap(({ path, mode, owner }) => (owner === undefined ? [] : [give(path, mode, user, owner)])),
  )

/** The parent folder belongs to the deploying user, who can put anything in the place of this one: only what is theirs is given away, and no link followed. */
const give = (path: string, mode: number, from: string, to: string): Script => sh.write`
(cd -P -- ${posix.dirname(path)}
chown -h --from=${from} ${`${to}:`} -- ${posix.basename(path)}
if [ "$(stat -c %U -- ${posix.basename(path)})" = ${to} ]; then runuser -u ${to} -- chmod ${octal(mode)} ${posix.basename(path)}; fi)`

/** Prints the path of each folder that does not exist, or has the wrong mode or owner. */
export const missingFolders = (layout: Layout, wanted: readonly HostFolder[], { user }: HostFacts): Script =>
  sh.lines(
    sh.read`uid=$(id -u ${user} 2>/dev/null || :)
check() { [ "$(stat -L -c '%a %u' "$2" 2>/dev/null)" = "$1 $uid" ] || printf '%s\\n' "$2"; }`,
    ...[{ path: layout.root, mode: 0o711 }, ...wanted].map(({ path, mode, owner }: HostFolder) => {
      const check = sh.read`check ${mode.toString(8)} ${path}`
      return owner === undefined ? check : sh.read`uid=$(id -u ${owner} 2>/dev/null || :) ${check}`
    }),
  )

/** In the format of `chmod`. */
export const octal = (mode: number): string => mode.toString(8).padStart(4, '0')
