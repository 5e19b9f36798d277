/** Paths of an application's nginx files on a host, and the scripts that activate them. */

import { posix } from 'node:path'
import { program, type Script } from '../shared.ts'

/** The commands of an nginx installation, exactly as sudo allows them. */
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
  /** Used only by us: nginx reads files here only if another file includes them. */
  readonly folder: string
  /** The file to include in a server block. */
  readonly include: string
  readonly available: string
  /** Possible paths of the enabled site: the first one that nginx reads is used. */
  readonly enabled: readonly string[]
}

/** The default paths in nginx's configuration folder. Debian's nginx reads `sites-enabled`; those of nginx.org and Fedora read only `conf.d`. */
export const defaultPaths = (app: string, folder = '/etc/nginx'): Paths => ({
  folder: `${folder}/switchyard`,
  include: `${folder}/switchyard/${app}.conf`,
  available: `${folder}/sites-available/${app}.conf`,
  enabled: [`${folder}/sites-enabled/${app}.conf`, `${folder}/conf.d/${app}.conf`],
})

interface Enabling {
  readonly program: Program
  /** The file to enable. */
  readonly target: string
  /** Makes the link's target an absolute path, so that the live slot can be derived from the link alone. */
  readonly absolute?: boolean
  readonly enabled: readonly string[]
  /** Site files whose IPv6 wildcard listeners are removed if the machine has no IPv6. */
  readonly lenient: readonly string[]
  /** The link to the lines for HTTP/2, and its two possible targets. */
  readonly http2?: { readonly link: string; readonly directive: string; readonly parameter: string } | undefined
}

/** Run as root: reloads nginx, and waits until it answers with the new configuration alone. */
const reloadAndWait = ({ service, reload }: Program): Script =>
  program(new URL('./reload-and-wait.sh', import.meta.url), {
    writes: true,
    parameters: {
      service,
      reload,
      notLoaded: `nginx did not take over the changed configuration, and goes on with the one before. \`journalctl -u ${service}\` and its error log say why.`,
    },
  })

/** Run as root after a file has changed: enables the site unless it is enabled, tests the whole configuration and reloads nginx. */
export function enable({ program: nginx, target, absolute = false, enabled, lenient, http2 }: Enabling): Script {
  const targets = enabled.map(path => (absolute ? target : posix.relative(posix.dirname(path), target)))
  const unread =
    `nginx does not read ${enabled.join(' or ')}. ` +
    `Add the line "include ${posix.dirname(enabled.at(-1) ?? '')}/*.conf;" to the http block of its main file.`
  return program(new URL('./enable.sh', import.meta.url), {
    writes: true,
    parameters: {
      nginx: nginx.path,
      configTest: nginx.test,
      reload: reloadAndWait(nginx),
      enabled,
      targets,
      lenient,
      unread,
      http2Link: http2?.link ?? '',
      http2Directive: http2?.directive ?? '',
      http2Parameter: http2?.parameter ?? '',
    },
  })
}

/** Run as root after the files of a site were deleted: tests the rest of the configuration, and reloads nginx if it runs. */
export const forget = (nginx: Program): Script =>
  program(new URL('./forget.sh', import.meta.url), {
    writes: true,
    parameters: { nginx: nginx.path, service: nginx.service, configTest: nginx.test, reload: reloadAndWait(nginx) },
  })

/** Like `enable`, if a server block of the user's own includes our file: only tests and reloads. */
export const refresh = (nginx: Program): Script =>
  program(new URL('./refresh.sh', import.meta.url), {
    writes: true,
    parameters: { configTest: nginx.test, reload: reloadAndWait(nginx) },
  })
