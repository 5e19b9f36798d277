/** HTTPS of an installed site: with the user's own certificate, or with one that certbot gets and renews. */

import { posix } from 'node:path'
import {
  either,
  fields,
  type HostFile,
  type Listener,
  oneOf,
  path,
  program,
  type Rule,
  type Script,
  sh,
} from '../shared.ts'
import type { Paths, Program } from './site.ts'
import { render, shipped } from './templates.ts'

/** Absolute paths on the host. nginx reads the files when it starts and at each reload. */
export interface Certificate {
  /** The certificate, followed by the intermediate ones. */
  readonly certificate: string
  readonly key: string
}

export type Tls = 'certbot' | Certificate

export const tlsRule: Rule<Tls> = either(
  oneOf('certbot'),
  fields<Certificate>({ certificate: path, key: path }, '`{ certificate, key }`, paths on the host'),
)

/** The site, as far as HTTPS needs it. */
export interface Secured {
  readonly app: string
  /** The host names of the certificate; the first one is the site's own. */
  readonly names: readonly string[]
  readonly tls: Tls
  readonly http2: boolean
  /** The addresses of the site without HTTPS. */
  readonly listeners: readonly Listener[]
  readonly paths: Paths
  readonly program: Program
}

export const HTTPS_PORT = 443

/** On the same addresses as without HTTPS. */
export const tlsListeners = (listeners: readonly Listener[]): readonly Listener[] =>
  [...new Set(listeners.map(({ address }) => address))].map(address => ({ address, port: HTTPS_PORT }))

// No slot has a dash in its name, so that none of these paths can be the site file of a slot.
export const tlsFile = ({ folder }: Paths, app: string): string => posix.join(folder, `${app}.tls-lines.conf`)
/** The link to the lines for HTTP/2 in the syntax of the nginx that is installed. */
export const http2Link = ({ folder }: Paths, app: string): string => posix.join(folder, `${app}.http2-lines.conf`)
const http2Files = ({ folder }: Paths, app: string) => ({
  /** From nginx 1.25.1 on. */
  directive: posix.join(folder, `${app}.http2-directive.conf`),
  parameter: posix.join(folder, `${app}.http2-parameter.conf`),
})

/** A folder of root's with the files that nginx reads on each handshake. */
const certificates = ({ folder }: Paths, app: string) => posix.join(folder, `${app}.tls`)
/** The part of its name before `.pem` is the value of `$scheme`. */
const certificateFile = (paths: Paths, app: string) => posix.join(certificates(paths, app), 'https.pem')
/** The certificate without its key, for everybody. */
export const publicCertificate = (paths: Paths, app: string): string =>
  posix.join(certificates(paths, app), 'https.crt')

/** Root's, because certbot writes into it as root. */
export const webrootOf = (app: string): string => `/var/lib/switchyard/${app}.acme`
export const hookFile = (app: string): string => `/etc/letsencrypt/renewal-hooks/deploy/switchyard-${app}`

/** Where certbot keeps the certificate of a site. */
export const lineageOf = (site: string): Certificate => ({
  certificate: `/etc/letsencrypt/live/${site}/fullchain.pem`,
  key: `/etc/letsencrypt/live/${site}/privkey.pem`,
})

/** The command that gets the first certificate. The key is the same after a renewal, so that a handshake never sees two that do not match. */
export const certbotCommand = ({ app, names }: Pick<Secured, 'app' | 'names'>): string => {
  const [site = ''] = names
  const domains = names.map(name => `-d ${name}`).join(' ')
  return `sudo certbot certonly --webroot -w ${webrootOf(app)} --cert-name ${site} ${domains} --reuse-key --deploy-hook ${hookFile(app)}`
}

/** Run by certbot, as root, for a new certificate; by `setup` for one that is there already. */
const hook = ({ app, names, paths, program: { path: nginx } }: Secured): HostFile => ({
  path: hookFile(app),
  text: `#!/bin/bash -eu\n# ${app}, made by \`task setup\` of switchyard: certbot runs it for a new certificate.\n${
    program(new URL('./certbot-hook.sh', import.meta.url), {
      writes: true,
      parameters: { nginx, site: names[0] ?? '', folder: certificates(paths, app) },
    }).text
  }\n`,
  mode: 0o755,
})

const listenLine = ({ address, port }: Listener, parameter: string) =>
  `listen ${address === '*' ? '' : `${address}:`}${port} ssl${parameter};`

export function tlsFiles(secured: Secured): readonly HostFile[] {
  const { app, names, tls, http2, listeners, paths } = secured
  const lines = (parameter: string, ...more: string[]) =>
    [...tlsListeners(listeners).map(listener => listenLine(listener, parameter)), ...more].join('\n')
  const { certificate, key } =
    tls === 'certbot'
      ? { certificate: certificateFile(paths, app).replace(/https(?=\.pem$)/, '$scheme'), key: undefined }
      : tls
  const text = render(
    shipped('tls'),
    {
      site: names.join(', '),
      listentls: http2 ? `include ${http2Link(paths, app)};` : lines(''),
      certificate,
      key: key ?? certificate,
    },
    [],
  )
  const head = `# ${app}, made by \`task setup\` of switchyard.\n`
  const files = http2Files(paths, app)
  return [
    { path: tlsFile(paths, app), text, mode: 0o644 },
    ...(http2
      ? [
          { path: files.directive, text: `${head}${lines('', 'http2 on;')}\n`, mode: 0o644 },
          { path: files.parameter, text: `${head}${lines(' http2')}\n`, mode: 0o644 },
        ]
      : []),
    ...(tls === 'certbot' ? [hook(secured)] : []),
  ]
}

/** The files with listeners that a machine without IPv6 cannot have. */
export const tlsLenient = ({ app, http2, paths }: Secured): readonly string[] =>
  http2 ? Object.values(http2Files(paths, app)) : [tlsFile(paths, app)]

export interface Http2 {
  readonly link: string
  readonly directive: string
  readonly parameter: string
}

/** What `enable` has to choose from. */
export const http2Of = ({ app, http2, paths }: Secured): Http2 | undefined =>
  http2 ? { link: http2Link(paths, app), ...http2Files(paths, app) } : undefined

/** Run as root before the site is enabled: makes the folders of certbot, and installs a certificate that it has already. */
export const prepareCertbot = ({ app, paths }: Secured): Script => sh.write`
mkdir -p ${webrootOf(app)} ${certificates(paths, app)}
chmod 0755 ${webrootOf(app)} ${certificates(paths, app)}
if [ -x ${hookFile(app)} ]; then ${hookFile(app)}; fi`

/** Run as root after the files were deleted. The certificate itself is certbot's. */
export const forgetTls = (app: string, paths: Paths): Script =>
  sh.write`rm -rf -- ${webrootOf(app)} ${certificates(paths, app)}`

/** The part of the server block that sends requests without HTTPS to it. */
export const redirect = ({ tls, app, paths }: Pick<Secured, 'tls' | 'app' | 'paths'>): string => {
  const until = tls === 'certbot' ? `if (!-f ${certificateFile(paths, app)}) { set $switchyard_plain ""; }` : ''
  const acme = tls === 'certbot' ? render(shipped('acme'), { webroot: webrootOf(app) }, []) : ''
  return render(shipped('https-redirect'), { until }, []) + acme
}
