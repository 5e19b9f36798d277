/** Scripts that all runtimes share: load a slot's environment, check that a release can be started, run its migrations, open its console. */
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asApplication } from '../../slots/as-application.ts'
import type { Release, Slot } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'

/** Loads a slot's environment file, as systemd does for the application. */
export const withEnvironment = (layout: Layout, slot: Slot): Script => sh.read`
umask 077
set -a
. ${layout.slot(slot.name).env}
set +a`

/** Runs a script with a slot's environment, as the user of the application. The environment file is readable by the deploying user alone. */
export const inSlot = (layout: Layout, slot: Slot, script: Script): Script => {
  if (layout.user === undefined) return sh.lines(withEnvironment(layout, slot), script)
  const { env } = layout.slot(slot.name)
  return asApplication(
    layout.user,
    script,
    sh.read`{ echo 'umask 077; set -a' && cat ${env} && printf '\\nset +a\\n'; }`,
  )
}

export const { noScript: NO_SCRIPT, otherRelease: OTHER_RELEASE, forbidden: FORBIDDEN } = EXIT.startable
export const { cutShort: CUT_SHORT, timedOut: TIMED_OUT } = EXIT.migration

/**
 * Exits with `NO_SCRIPT` and prints the name if the release lacks one of `programs` (paths inside it), and with `OTHER_RELEASE` if the slot's `current`
 * points to another release.
 */
export const assertStartable = (layout: Layout, release: Release, slot: Slot, ...programs: readonly string[]): Script =>
  sh.lines(
    ...programs.map(
      program => sh.read`
[ -x ${`${release.dir}/${program}`} ] || { echo ${program}; exit ${NO_SCRIPT}; }`,
    ),
    sh.read`
[ "$(readlink -f ${layout.slot(slot.name).current})" = "$(readlink -f ${release.dir})" ] || exit ${OTHER_RELEASE}`,
  )

/** Exits with `FORBIDDEN`, and prints the path, if the user of the application may not read the whole release. */
export const assertReadable = ({ user }: Layout, { dir }: Release): Script =>
  user === undefined
    ? sh.read`:`
    : asApplication(
        user,
        sh.read`odd=$(find ${dir} ! -type l \\( ! -readable -o -type d ! -executable \\) -printf '%P' -quit 2>/dev/null || :)
if ! [ -d ${dir} ]; then odd=.; fi
if [ -n "$odd" ]; then printf '%s\\n' "$odd"; exit ${FORBIDDEN}; fi`,
      )

/** Prints an explanation and exits with `NO_SCRIPT` if the release in a slot lacks the program that the unit would start. */
export const startable = (layout: Layout, slot: Slot, path: string): Script => sh.read`
if [ -x ${`${layout.slot(slot.name).current}/${path}`} ]; then exit 0; fi
printf 'its release has no %s\\n' ${path}
exit ${NO_SCRIPT}`

interface Migration {
  readonly layout: Layout
  readonly release: Release
  readonly slot: Slot
  /** Seconds. */
  readonly limit: number
  /** Runs before the command, for example to set further environment variables. */
  readonly before?: Script
  /** One command. On completion it must write something to the file that `MIGRATED` names. */
  readonly command: Script
}

/** The environment variable with the path of the file that a migration writes on completion. */
export const MIGRATED = 'SWITCHYARD_MIGRATED'

/** Seconds from SIGTERM to SIGKILL after a migration has reached its limit. */
const GRACE = 10

/**
 * Runs a migration in the folder of its release. Exits with 0 only if the command wrote its completion file, because a program can exit with 0 after
 * SIGTERM too. Otherwise exits with `CUT_SHORT`, `TIMED_OUT` or the command's own exit code.
 */
export const migration = ({ layout, release, slot, limit, before = sh.read`true`, command }: Migration): Script =>
  inSlot(
    layout,
    slot,
    sh.write`cd ${release.dir}
${before}
${MIGRATED}=$(mktemp ${layout.user === undefined ? [`${layout.slot(slot.name).tmp}/migrated.XXXXXX`] : []})
export ${MIGRATED}
trap 'trap "" HUP INT TERM PIPE; rm -f -- "$${MIGRATED}"' EXIT
code=0 SECONDS=0
timeout -k ${GRACE} ${limit} ${command} 2>&1 </dev/null || code=$?
if [ $code != 0 ] && [ $SECONDS -ge ${limit} ]; then exit ${TIMED_OUT}; fi
if [ $code = 0 ] && ! [ -s "$${MIGRATED}" ]; then exit ${CUT_SHORT}; fi
exit $code`,
  )

/** A script for `Host.spawn`: runs a command that never ends by itself, until the end of its stdin. */
export const untilStdinEnds = (follow: Script): Script =>
  program(new URL('./until-stdin-ends.sh', import.meta.url), { parameters: { follow } })

interface Execution {
  readonly layout: Layout
  readonly slot: Slot
  /** Runs before the command, for example to set further environment variables. */
  readonly before?: Script
  readonly command: readonly string[]
}

/** Runs a command in the folder of a slot's release, with the slot's environment. It replaces the shell (`exec`), which reports a missing program. */
export const execScript = ({ layout, slot, before = sh.read`true`, command }: Execution): Script => ({
  ...sh.write`set -eu
${inSlot(
  layout,
  slot,
  sh.write`${before}
cd ${layout.slot(slot.name).current}
case "\${TERM:-dumb}" in dumb) export TERM=xterm ;; esac
exec -- ${command}`,
)}`,
  label: sh.read`${command}`.text,
})

interface Console {
  readonly layout: Layout
  readonly slot: Slot
  /** Runs before the command, for example to set further environment variables. */
  readonly before?: Script
  /** One command, which replaces the shell (`exec`). */
  readonly command: Script
}

/** Bash command line that opens a console in the release of a slot, with the slot's environment. Exits with 2 without a terminal. */
export const consoleCommand = ({ layout, slot, before = sh.read`true`, command }: Console): string =>
  sh.write`set -eu
if ! [ -t 0 ]; then echo 'The console needs a terminal.' >&2; exit 2; fi
${inSlot(
  layout,
  slot,
  sh.write`${before}
cd ${layout.slot(slot.name).current}
case "\${TERM:-dumb}" in dumb) export TERM=xterm ;; esac
exec ${command}`,
)}`.text
