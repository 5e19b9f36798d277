/** Where an application's nginx files stand on a host, and how they are put into force. */
import { posix } from 'node:path'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'

/** The commands of one nginx, as sudo is told of them. */
export interface Program {
  readonly path: string
  readonly service: string
  /** Tests the whole configuration. */
  readonly test: readonly string[]
  readonly reload: readonly string[]
}

export const programOf = (path = '/usr/sbin/nginx', service = 'nginx'): Program => ({
  path,
  service,
  test: [path, '-t'],
  reload: ['/usr/bin/systemctl', 'reload', service],
})

export interface Paths {
  /** Ours alone: nginx reads nothing here unless it is told to. */
  readonly folder: string
  /** The file for the inside of a server block. */
  readonly include: string
  readonly available: string
  /** What nginx reads by itself: the site is enabled at the first of these that it really reads. */
  readonly enabled: readonly string[]
}

/** Where files go in the folder of nginx's configuration: Debian reads `sites-enabled`, nginx.org and Fedora read `conf.d` alone. */
export const paths = (app: string, folder = '/etc/nginx'): Paths => ({
  folder: `${folder}/switchyard`,
  include: `${folder}/switchyard/${app}.conf`,
  available: `${folder}/sites-available/${app}.conf`,
  enabled: [`${folder}/sites-enabled/${app}.conf`, `${folder}/conf.d/${app}.conf`],
})

interface Enabling {
  readonly program: Program
  /** The file that is enabled. */
  readonly target: string
  /** The link names the target by its whole path: then what is live can be told from the link alone. */
  readonly absolute?: boolean
  readonly enabled: readonly string[]
  /** Site files that do without their lines for all of IPv6 where the machine has none. */
  readonly lenient: readonly string[]
}

/** For root, after a file changed: enables the site unless it is, tests the whole configuration and reloads. */
export function enable({ program: nginx, target, absolute = false, enabled, lenient }: Enabling): Script {
  const targets = enabled.map(path => (absolute ? target : posix.relative(posix.dirname(path), target)))
  const unread =
    `nginx does not read ${enabled.join(' or ')}. ` +
    `Put the line "include ${posix.dirname(enabled.at(-1) ?? '')}/*.conf;" into the http block of its main file.`
  return program(new URL('./enable.sh', import.meta.url), {
    writes: true,
    parameters: { nginx: nginx.path, configTest: nginx.test, reload: nginx.reload, enabled, targets, lenient, unread },
  })
}

/** The same where a server block of the user's own includes our file. */
export const refresh = ({ test, reload }: Program): Script => sh.write`${test}\n${reload}`
