/** Checks that nginx is running, that the site is installed, that the whole configuration is valid, and that requests reach the application. */
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { commandFailed, type Query } from '../../../host/query.ts'
import { type Script, sh } from '../../../host/script.ts'
import { readAsRoot } from '../../../host/sudo.ts'
import type { Fault } from '../../../runner/fault.ts'
import { sudoRefusal } from '../../../slots/sudo/refusal.ts'
import { routerFaults } from '../faults.ts'
import { GUARDED, type Guard } from '../guard.ts'
import type { Paths, Program } from './site.ts'
import { certbotCommand, publicCertificate, type Tls } from './tls.ts'

const { missing: MISSING, down: DOWN, invalid: INVALID } = EXIT.router

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
      ...EXIT.router,
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
  const script = checkScript(checking)
  return {
    script,
    async read(output, host) {
      const { code } = output
      const certificate = certificateFault(host.name, output.stdout, checking.certificate)
      const text = output.stdout.replace(/^@@ certificate .*\n/m, '').trim()
      if (code === 0)
        return text === ''
          ? certificate
          : [routerFaults.NGINX_OTHERS_INVALID({ host: host.name, output: text }), ...certificate]
      if (code === DOWN) throw routerFaults.NGINX_DOWN({ host: host.name })
      if (code === MISSING) throw routerFaults.NGINX_NOT_SET_UP({ host: host.name, path: text })
      if (code === GUARDED)
        throw routerFaults.NGINX_GUARDED({
          host: host.name,
          path,
          status: text.split('\n').at(-1) ?? '',
        })
      const refusal = await sudoRefusal(host, [checking.program.test])
      if (refusal) throw routerFaults.NGINX_SUDO_REFUSED({ host: host.name, refusal })
      if (code !== INVALID) throw commandFailed(host, script, output)
      throw routerFaults.NGINX_CONFIG_INVALID({ host: host.name, output: text })
    },
  }
}
