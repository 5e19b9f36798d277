/** The system user that the application runs as, if it is not the deploying one: created by a setup, without a login and a home, unless it exists. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'

/** What a host has of the user of an application. */
export interface ApplicationUser {
  readonly user: string
  readonly absent: boolean
  /** The shared paths that exist and belong to another user, with that user: the application cannot write there. */
  readonly foreign: readonly { readonly path: string; readonly owner: string }[]
}

/** The comment of a user that a setup has created, by which `remove` knows it. */
export const commentOf = (app: string): string => `switchyard ${app}`

const inspectUser = (user: string, { shared }: Layout): Script => sh.read`
if uid=$(id -u ${user} 2>/dev/null); then echo there; else echo absent; fi
cd ${shared.dir} 2>/dev/null || exit 0
for path in ${shared.paths}; do
  if [ -e "$path" ] && [ "$(stat -L -c %u -- "$path")" != "$uid" ]; then printf '%s %s\\n' "$(stat -L -c %U -- "$path")" "$path"; fi
done`

/**
 * Undefined if the application runs as the deploying user.
 *
 * @throws APPLICATION_USER_DEPLOYS if the Taskfile names the deploying user
 */
export const applicationUser = (layout: Layout, deploying: string): Query<ApplicationUser> | undefined => {
  const { user, shared } = layout
  if (user === undefined) return undefined
  if (user === deploying) throw slotFaults.APPLICATION_USER_DEPLOYS({ user })
  return capture(inspectUser(user, layout), text => {
    const [state, ...lines] = text.split('\n').filter(Boolean)
    const foreign = lines.map(line => {
      const [owner = '', path = ''] = line.split(' ')
      return { owner, path: `${shared.dir}/${path}` }
    })
    return { user, absent: state === 'absent', foreign }
  })
}

/** Runs as root. */
export const makeUser = (app: string, { user, absent }: ApplicationUser): Script =>
  absent
    ? sh.write`if getent group ${user} > /dev/null; then set -- -g ${user}; else set -- --user-group; fi
useradd --system "$@" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --comment ${commentOf(app)} ${user}`
    : sh.read`:`

/** Which shared paths the application cannot write, without a full stop. */
export const foreignText = ({ user, foreign }: Pick<ApplicationUser, 'user' | 'foreign'>): string =>
  `${user} does not own ${foreign.map(({ path, owner }) => `${path}, which belongs to ${owner}`).join('; ')}`

/** How a person gives them to it. A process of the previous owner, which may still be live, keeps its access through the group. */
export function foreignHint({ user, foreign }: Pick<ApplicationUser, 'user' | 'foreign'>): string {
  const paths = foreign.map(({ path }) => path).join(' ')
  return `As root on the host: \`chown -R ${user} ${paths} && chmod -R g+rwX ${paths}\``
}

export const foreignNote = (application: ApplicationUser): string =>
  `${foreignText(application)}. ${foreignHint(application)}.`
