/** What the options of a site add to its files: HTTPS, trusted proxies, the size of bodies, and lines of the user's own. */

import { posix } from 'node:path'
import {
  type ClientOptions,
  type HostFile,
  hostPart,
  type Listener,
  list,
  type Preview,
  type Rule,
  type Script,
  type Slot,
  thing,
} from '../shared.ts'
import { type NginxPreviewAuth, previewFiles, previewLines, previewLocation } from './preview.ts'
import type { Paths, Program } from './site.ts'
import { indented, poolName, render, shipped } from './templates.ts'
import {
  certbotCommand,
  forgetTls,
  type Http2,
  http2Link,
  http2Of,
  prepareCertbot,
  redirect,
  type Secured,
  type Tls,
  tlsFile,
  tlsFiles,
  tlsLenient,
} from './tls.ts'

/** The options of a site that add something. */
export interface Adding extends ClientOptions {
  readonly tls?: Tls | undefined
  readonly http2?: boolean | undefined
  readonly extra?: readonly string[]
  readonly preview?: Preview<NginxPreviewAuth> | undefined
  readonly canary?: boolean
}

export interface Additions {
  /** Lines for the templates: above the server block, and for HTTPS. */
  readonly lines: Readonly<Record<'http' | 'tls', string>>
  /** Lines in front of the locations. `idle` sets which slot is idle. */
  options(idle: string): string
  readonly files: readonly HostFile[]
  readonly links: readonly (readonly string[])[]
  /** Run as root before the site is enabled, and after it was deleted. */
  readonly prepare: readonly Script[]
  readonly forget: readonly Script[]
  /** Further files with listeners that a machine without IPv6 cannot have. */
  readonly lenient: readonly string[]
  readonly http2: Http2 | undefined
  readonly notes: readonly string[]
}

interface Of {
  readonly app: string
  /** The host names of the site. */
  readonly names: readonly string[]
  readonly slots: readonly Slot[]
  readonly listeners: readonly Listener[]
  readonly paths: Paths
  readonly program: Program
}

export const extraRule: Rule<readonly string[]> = list(
  thing('a line for the server block, such as "gzip on;"', value => typeof value === 'string' && isLine(value)),
)

/** No control characters, of which a line break would make it several lines. */
const isLine = (text: string) => text.trim() !== '' && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)

/** Indented for a template whose server block has its lines behind `indent`. */
export function additions(options: Adding, of: Of, indent: string): Additions {
  const { app, paths } = of
  const { trustedProxies = [], bodySize, extra = [], preview, canary } = options
  const secured = securedBy(options, of)
  const trusted = trustedProxies.length > 0
  const blocks = (idle: string) => [
    preview ? previewLines(preview, idle) : '',
    trusted
      ? render(
          shipped('trusted-proxies'),
          { app, trusted: trustedProxies.map(network => `set_real_ip_from ${network};`).join('\n') },
          [],
        )
      : '',
    secured ? redirect(secured) : '',
    preview ? previewLocation(preview, of, canary) : '',
    bodySize === undefined ? '' : render(shipped('body-size'), { size: bodySize.toLowerCase() }, []),
    extra.length === 0 ? '' : `\n# Lines of the Taskfile, its option \`extra\`.\n${extra.join('\n')}\n`,
  ]
  const include = (path: string) => `include ${path};`
  const pooled = of.slots.some(({ pool }) => pool)
  const above = [...(trusted ? [trustFile(paths, app)] : []), ...(pooled ? [poolFile(paths, app)] : [])]
  return {
    lines: {
      http: above.map(include).join('\n'),
      tls: secured ? include(tlsFile(paths, app)) : '',
    },
    options: idle => indented(blocks(idle).join('').trimEnd(), indent),
    files: [
      ...(trusted ? [{ path: trustFile(paths, app), text: geo(app, trustedProxies), mode: 0o644 }] : []),
      ...(pooled ? [{ path: poolFile(paths, app), text: poolText(app, of.slots), mode: 0o644 }] : []),
      ...(secured ? tlsFiles(secured) : []),
      ...(preview ? previewFiles(preview, of) : []),
    ],
    links: secured?.http2 ? [[http2Link(paths, app)]] : [],
    prepare: secured?.tls === 'certbot' ? [prepareCertbot(secured)] : [],
    forget: secured?.tls === 'certbot' ? [forgetTls(app, paths)] : [],
    lenient: secured ? tlsLenient(secured) : [],
    http2: secured && http2Of(secured),
    notes:
      secured?.tls === 'certbot'
        ? [
            `HTTPS begins with the certificate. If ${of.names[0]} has none yet, run this on the host: ${certbotCommand(secured)}`,
          ]
        : [],
  }
}

const securedBy = ({ tls, http2 = true }: Adding, of: Of): Secured | undefined =>
  tls === undefined ? undefined : { ...of, tls, http2 }

const trustFile = ({ folder }: Paths, app: string) => posix.join(folder, `${app}.trusted-proxies.conf`)

const poolFile = ({ folder }: Paths, app: string) => posix.join(folder, `${app}.pool.conf`)

/** One group of servers for each slot, named after its port: the site has the port of the live slot in a variable. */
const poolText = (
  app: string,
  slots: Of['slots'],
) => `# ${app}, made by \`task setup\` of switchyard: the hosts of each slot. It is included above the server block.
${slots
  .map(
    ({ port, pool = [] }) => `upstream ${poolName(app)}${port} {
${pool.map(address => `    server ${hostPart(address)}:${port} max_fails=1 fail_timeout=2s;\n`).join('')}}
`,
  )
  .join('')}`

/** Names of applications have only letters, digits and underscores, as variables of nginx do. */
const geo = (
  app: string,
  trusted: readonly string[],
) => `# ${app}, made by \`task setup\` of switchyard: which connections come from a proxy that the Taskfile trusts. It is included
# above the server block.
geo $realip_remote_addr $switchyard_trusted_${app} {
    default 0;
${trusted.map(network => `    ${network} 1;\n`).join('')}}
`
