/** The scripts that ask a release's own program for something: evaluate, rpc, remote console. */
import { EXIT } from '../../../host/exit-codes.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Release, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'

/** Takes on a slot's environment, as systemd gives it to the application. */
export const withEnvironment = (layout: Layout, slot: Slot): Script => sh.read`
umask 077
set -a
. ${layout.slot(slot.name).env}
set +a`

/** Makes the cookie of this user's nodes, as Erlang would but from better randomness. The first of several wins. */
export const makeCookie: Script = sh.write`
if ! [ -s "$HOME/.erlang.cookie" ]; then
  (
    umask 077
    draft=$(mktemp "$HOME/.erlang.cookie.XXXXXX")
    trap 'rm -f -- "$draft"' EXIT
    od -An -N 24 -tx1 /dev/urandom | tr -d ' \\n' > "$draft"
    chmod 0400 "$draft"
    ln "$draft" "$HOME/.erlang.cookie" 2>/dev/null || [ -s "$HOME/.erlang.cookie" ]
  )
fi`

const program = (dir: string, release: string) => `${dir}/bin/${release}`

/** Exits with `NO_SCRIPT` or `OTHER_RELEASE`. */
export const assertStartable = (layout: Layout, release: Release, slot: Slot, name: string): Script => sh.read`
[ -x ${program(release.dir, name)} ] || exit ${NO_SCRIPT}
[ "$(readlink -f ${layout.slot(slot.name).current})" = "$(readlink -f ${release.dir})" ] || exit ${OTHER_RELEASE}`

/** Prints why a unit of this release's name could not start what is in a slot, and exits with `NO_SCRIPT` then. */
export const startable = (layout: Layout, slot: Slot, name: string): Script => {
  const { current } = layout.slot(slot.name)
  return sh.read`
if [ -x ${program(current, name)} ]; then exit 0; fi
printf 'its release has no %s\\n' ${`bin/${name}`}
exit ${NO_SCRIPT}`
}

export const { noScript: NO_SCRIPT, otherRelease: OTHER_RELEASE } = EXIT.startable

interface Migration {
  readonly layout: Layout
  readonly release: Release
  readonly slot: Slot
  /** Name of the release's program. */
  readonly name: string
  readonly expression: string
  /** Seconds. */
  readonly limit: number
}

/** The variable that names the file which the last line of a migration writes. */
const DONE = 'SWITCHYARD_MIGRATED'

/**
 * Evaluates an expression in a VM of its own, without the application and without a node name. Exits with 0 only when that came to its end and
 * said so in a file: a VM that is told to end by SIGTERM exits with 0 too, and so does one that calls `System.halt`. Exits with `CUT_SHORT` or
 * `TIMED_OUT`.
 */
export const evaluate = ({ layout, release, slot, name, expression, limit }: Migration): Script =>
  sh.write`${withEnvironment(layout, slot)}
cd ${release.dir}
export RELEASE_DISTRIBUTION=none
${DONE}=$(mktemp ${`${layout.slot(slot.name).tmp}/migrated.XXXXXX`})
export ${DONE}
trap 'rm -f -- "$${DONE}"' EXIT
code=0 SECONDS=0
timeout -k ${GRACE} ${limit} ${program(release.dir, name)} eval ${`${expression}\n${sayDone}`} 2>&1 </dev/null || code=$?
if [ $code != 0 ] && [ $SECONDS -ge ${limit} ]; then exit ${TIMED_OUT}; fi
if [ $code = 0 ] && ! [ -s "$${DONE}" ]; then exit ${CUT_SHORT}; fi
exit $code`

/** Erlang's own modules: an alias of the expression may mean something else by Elixir's. */
const sayDone = `:ok = :file.write_file(:os.getenv(:erlang.binary_to_list("${DONE}")), "done")`

/** Seconds from SIGTERM to SIGKILL when a migration has reached its limit. */
const GRACE = 10
export const { cutShort: CUT_SHORT, timedOut: TIMED_OUT } = EXIT.migration

/** Evaluates an expression in the running application. */
export const rpc = (layout: Layout, slot: Slot, name: string, expression: string): Script =>
  sh.write`${client(layout, slot)}
exec ${program(layout.slot(slot.name).current, name)} rpc ${expression} </dev/null`

/** Bash that becomes a remote console. Without a terminal iex would quietly stay on its own side. */
export const remote = (layout: Layout, slot: Slot, name: string): string =>
  sh.write`set -eu
if ! [ -t 0 ]; then echo 'The console needs a terminal.' >&2; exit 2; fi
${client(layout, slot)}
case "\${TERM:-dumb}" in dumb) export TERM=xterm ;; esac
exec ${program(layout.slot(slot.name).current, name)} remote`.text

/** A program that talks to the slot's VM listens nowhere itself: the port is taken. */
const client = (layout: Layout, slot: Slot): Script => sh.write`${withEnvironment(layout, slot)}
export ERL_ZFLAGS="\${ERL_ZFLAGS-} -dist_listen false"
cd ${layout.slot(slot.name).current}`
