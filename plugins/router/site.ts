/** Where an application's nginx files stand on a host, and how they are put into force. Debian's layout. */
import { posix } from 'node:path'
import { type Script, sh } from '../../host/script.ts'

export const NGINX = '/usr/sbin/nginx'
export const TEST = [NGINX, '-t'] as const
export const RELOAD = ['/usr/bin/systemctl', 'reload', 'nginx'] as const

export interface Paths {
  /** Ours alone: nginx reads nothing here unless it is told to. */
  readonly folder: string
  /** The file for the inside of a server block. */
  readonly include: string
  readonly available: string
  /** What nginx reads by itself. */
  readonly enabled: string
}

export const paths = (app: string): Paths => ({
  folder: '/etc/nginx/switchyard',
  include: `/etc/nginx/switchyard/${app}.conf`,
  available: `/etc/nginx/sites-available/${app}.conf`,
  enabled: `/etc/nginx/sites-enabled/${app}.conf`,
})

/**
 * For root, after a file changed: enables the site unless it is, tests the whole configuration and reloads. When the
 * test fails, a link that was just made is taken away again, so that the next start of nginx does not stumble over it.
 */
export const enable = (target: string, enabled: string): Script => sh.write`
made=
if ! [ -L ${enabled} ]; then mkdir -p ${posix.dirname(enabled)}; ln -s ${target} ${enabled}; made=yes; fi
if ! ${TEST}; then
  if [ -n "$made" ]; then rm -f ${enabled}; fi
  exit 1
fi
${RELOAD}`

/** The same where a server block of the user's own includes our file. */
export const refresh: Script = sh.write`${TEST}\n${RELOAD}`
