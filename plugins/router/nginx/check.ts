/** Checks that nginx is running, that the site is installed, that the whole configuration is valid, and that requests reach the application. */
import {
  checkQuery,
  type Fault,
  type Guard,
  program,
  type Query,
  ROUTER_EXIT,
  readAsRoot,
  routerFaults,
  type Script,
  sh,
} from '../shared.ts'
import type { Paths, Program } from './site.ts'
import { certbotCommand, publicCertificate, type Tls } from './tls.ts'

const { invalid: INVALID } = ROUTER_EXIT

export interface Checking {
  readonly program: Program
  /** The site is installed if at least one file of each list exists. */
  readonly files: readonly (readonly string[])[]
  /** Without a reload, only an error in these files prevents a switch; undefined if any error does. */
  readonly own: readonly string[] | undefined
  readonly guard: Guard
  /** Of the site's HTTPS. */
  readonly certificate?: SiteCertificate | undefined
}

interface SiteCertificate {
  readonly site: string
  readonly path: string
  /** The command that gets it; undefined if that is up to the user. */
  readonly command: string | undefined
}

/** Without its key, of which an account that is not root can read nothing. */
export const certificateOf = (
  tls: Tls,
  { app, names, paths }: { readonly app: string; readonly names: readonly string[]; readonly paths: Paths },
): SiteCertificate => ({
  site: names[0] ?? '',
  path: tls === 'certbot' ? publicCertificate(paths, app) : tls.certificate,
  command: tls === 'certbot' ? certbotCommand({ app, names }) : undefined,
})

/** Days before its end at which a certificate should have been renewed: certbot renews 30 days before. */
const LATE_DAYS = 14

/** In front of what is said about the certificate. */
const CERTIFICATE = '@@ certificate'

/** Prints that the certificate is missing, or when it ends, if that is soon. */
const checkCertificate = ({ path, command }: SiteCertificate): Script => sh.read`
if [ -r ${path} ]; then
  if command -v openssl > /dev/null && ! openssl x509 -noout -checkend ${LATE_DAYS * 86_400} -in ${path} > /dev/null 2>&1; then
    echo ${CERTIFICATE} ends "$(openssl x509 -noout -enddate -in ${path} 2> /dev/null | cut -d = -f 2 || :)"
  fi
${command === undefined ? sh.read`fi` : sh.read`else echo ${CERTIFICATE} missing; fi`}`

/**
 * Prints nginx's configuration errors. Problems that prevent a switch have exit codes of their own. Other problems must exit with 0, because a non-zero
 * code skips the switch that follows in the pipeline.
 */
export const checkScript = ({ program: { service, path, test }, files, own, guard, certificate }: Checking): Script =>
  program(new URL('./check.sh', import.meta.url), {
    parameters: {
      service,
      nginx: path,
      requireFiles: sh.lines(...files.map(paths => sh.read`require_one_of ${paths}`)),
      configTest: readAsRoot(test),
      requireForeign: own ? requireForeign(own) : sh.read`exit ${INVALID}`,
      startGuard: guard.begin,
      evaluateGuard: guard.end,
      certificate: certificate ? checkCertificate(certificate) : sh.read`:`,
      ...ROUTER_EXIT,
    },
  })

/** Exits with `INVALID` unless the first nginx error in `$output` is in a file that is not ours. An error of sudo counts as `INVALID` too. */
const requireForeign = (own: readonly string[]): Script => sh.read`
  problem=$(grep -m 1 -E '\\[(emerg|alert|crit|error)\\]' <<< "$output") || exit ${INVALID}
  for file in ${own}; do case $problem in *" in $file:"*) exit ${INVALID} ;; esac; done`

/** What the script printed about the certificate, as a warning. */
function certificateFault(host: string, text: string, certificate: SiteCertificate | undefined): readonly Fault[] {
  const [, what, ends = ''] = /^@@ certificate (missing|ends)(.*)$/m.exec(text) ?? []
  if (what === undefined || certificate === undefined) return []
  const { site, path, command } = certificate
  return what === 'missing'
    ? [routerFaults.NGINX_CERTIFICATE_MISSING({ host, site, command: command ?? '' })]
    : [routerFaults.NGINX_CERTIFICATE_ENDS({ host, site, path, ends: ends.trim() })]
}

/**
 * Resolves to warnings, which do not prevent a switch: errors in files of other sites, and a certificate that is missing or ends soon.
 *
 * @throws `NGINX_DOWN`, `NGINX_NOT_SET_UP`, `NGINX_SUDO_REFUSED`, `NGINX_CONFIG_INVALID`, `NGINX_GUARDED`
 * @param path the path of the guard, for messages
 */
export function check(checking: Checking, path = '/'): Query<readonly Fault[]> {
  const query = checkQuery(checkScript(checking), checking.program.test, {
    down: routerFaults.NGINX_DOWN,
    missing: ({ host, output }) => routerFaults.NGINX_NOT_SET_UP({ host, path: output }),
    guarded: ({ host, status }) => routerFaults.NGINX_GUARDED({ host, path, status }),
    invalid: routerFaults.NGINX_CONFIG_INVALID,
    sudoRefused: ({ host }, refusal) => routerFaults.NGINX_SUDO_REFUSED({ host, refusal }),
    warning: routerFaults.NGINX_OTHERS_INVALID,
  })
  return {
    ...query,
    async read(output, host) {
      const stdout = output.stdout.replace(/^@@ certificate .*\n/m, '')
      const warnings = await query.read({ ...output, stdout }, host)
      return [...warnings, ...certificateFault(host.name, output.stdout, checking.certificate)]
    },
  }
}
