/** The application's folders on a host: which there should be, which are missing, and how they are made. */
import { type Script, sh } from '../../host/script.ts'
import type { HostFacts, HostFolder, Provision } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'

/** nginx's workers may pass through the root and read the router's; the rest is the user's alone. */
export const folders = (layout: Layout, slots: Slots<string>, provisions: readonly Provision[]): HostFolder[] => [
  { path: layout.releases, mode: 0o755 },
  ...slots.names.flatMap(name => [
    { path: layout.slot(name).dir, mode: 0o700 },
    { path: layout.slot(name).tmp, mode: 0o700 },
  ]),
  ...provisions.flatMap(want => want.folders),
]

/**
 * For root: makes the root folder, because `/srv` is root's, and as the user the folders in it, so that a link that the user made there leads
 * root nowhere. Harmless when run again; changes no owner.
 */
export const makeFolders = (layout: Layout, wanted: readonly HostFolder[], { user, group }: HostFacts): Script =>
  sh.lines(
    sh.write`as_user() { if [ ${user} = root ]; then "$@"; else runuser -u ${user} -- "$@"; fi; }`,
    sh.write`[ -d ${layout.root} ] || install -d -o ${user} -g ${group} -m 0711 ${layout.root}`,
    sh.write`as_user bash -eu -c ${
      sh.lines(
        sh.write`umask 022; cd ${layout.root}; chmod 0711 .`,
        ...wanted.map(({ path, mode }) => sh.write`mkdir -p ${path}; chmod ${octal(mode)} ${path}`),
        // So that a later setup, which takes the lock and may be somebody else's, makes nothing new.
        sh.write`: >> ${layout.lock}; : >> ${layout.journal}`,
      ).text
    }`,
  )

/** Prints the path of each folder that is not there, or has another mode or owner. */
export const missingFolders = (layout: Layout, wanted: readonly HostFolder[], { user }: HostFacts): Script =>
  sh.lines(
    sh.read`uid=$(id -u ${user} 2>/dev/null || :)
look() { [ "$(stat -L -c '%a %u' "$2" 2>/dev/null)" = "$1 $uid" ] || printf '%s\\n' "$2"; }`,
    ...[{ path: layout.root, mode: 0o711 }, ...wanted].map(
      ({ path, mode }) => sh.read`look ${mode.toString(8)} ${path}`,
    ),
  )

/** As `chmod` takes it. */
export const octal = (mode: number): string => mode.toString(8).padStart(4, '0')
