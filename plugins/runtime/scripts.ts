/** Scripts for a release in a slot that no runtime has to write again: its environment, whether it can be started, its migrations, its console. */
import { EXIT } from '../../host/exit-codes.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release, Slot } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'

/** Takes on a slot's environment, as systemd gives it to the application. */
export const withEnvironment = (layout: Layout, slot: Slot): Script => sh.read`
umask 077
set -a
. ${layout.slot(slot.name).env}
set +a`

export const { noScript: NO_SCRIPT, otherRelease: OTHER_RELEASE } = EXIT.startable
export const { cutShort: CUT_SHORT, timedOut: TIMED_OUT } = EXIT.migration

/** Exits with `NO_SCRIPT` when the release has no such program, a path inside it, and with `OTHER_RELEASE` when the slot names another release. */
export function assertStartable(layout: Layout, release: Release, slot: Slot, program?: string): Script {
  const same = sh.read`
[ "$(readlink -f ${layout.slot(slot.name).current})" = "$(readlink -f ${release.dir})" ] || exit ${OTHER_RELEASE}`
  return program === undefined
    ? same
    : sh.read`
[ -x ${`${release.dir}/${program}`} ] || exit ${NO_SCRIPT}${same}`
}

/** Prints why a unit that starts this program could not start what is in a slot, and exits with `NO_SCRIPT` then. */
export const startable = (layout: Layout, slot: Slot, program: string): Script => sh.read`
if [ -x ${`${layout.slot(slot.name).current}/${program}`} ]; then exit 0; fi
printf 'its release has no %s\\n' ${program}
exit ${NO_SCRIPT}`

interface Migration {
  readonly layout: Layout
  readonly release: Release
  readonly slot: Slot
  /** Seconds. */
  readonly limit: number
  /** What has to stand before the command, such as further environment. */
  readonly before?: Script
  /** One command. The last that it does is to write something to the file that `MIGRATED` names. */
  readonly command: Script
}

/** The variable that names the file which the last line of a migration writes. */
export const MIGRATED = 'SWITCHYARD_MIGRATED'

/** Seconds from SIGTERM to SIGKILL when a migration has reached its limit. */
const GRACE = 10

/**
 * Runs a migration in the folder of its release. Exits with 0 only when that came to its end and said so in a file: a program that is told to end may
 * well exit with 0 too. Exits with `CUT_SHORT` or `TIMED_OUT`.
 */
export const migration = ({ layout, release, slot, limit, before = sh.read`true`, command }: Migration): Script =>
  sh.write`${withEnvironment(layout, slot)}
cd ${release.dir}
${before}
${MIGRATED}=$(mktemp ${`${layout.slot(slot.name).tmp}/migrated.XXXXXX`})
export ${MIGRATED}
trap 'rm -f -- "$${MIGRATED}"' EXIT
code=0 SECONDS=0
timeout -k ${GRACE} ${limit} ${command} 2>&1 </dev/null || code=$?
if [ $code != 0 ] && [ $SECONDS -ge ${limit} ]; then exit ${TIMED_OUT}; fi
if [ $code = 0 ] && ! [ -s "$${MIGRATED}" ]; then exit ${CUT_SHORT}; fi
exit $code`

interface Console {
  readonly layout: Layout
  readonly slot: Slot
  /** What has to stand before the command, such as further environment. */
  readonly before?: Script
  /** One command, which takes the place of the shell. */
  readonly command: Script
}

/** Bash that becomes a console in the release of a slot, with its environment. Exits with 2 where there is no terminal. */
export const consoleLine = ({ layout, slot, before = sh.read`true`, command }: Console): string =>
  sh.write`set -eu
if ! [ -t 0 ]; then echo 'The console needs a terminal.' >&2; exit 2; fi
${withEnvironment(layout, slot)}
${before}
cd ${layout.slot(slot.name).current}
case "\${TERM:-dumb}" in dumb) export TERM=xterm ;; esac
exec ${command}`.text
