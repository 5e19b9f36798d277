/** Scripts that call a release's own program (eval, rpc, remote console), and scripts for the Erlang VM (cookie, repeated SIGTERM). */
import { type Script, sh } from '../../../host/script.ts'
import type { Release, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { consoleCommand, MIGRATED, migration, withEnvironment } from '../scripts.ts'
import { APART, CLIENT } from './nodes.ts'

/** Creates the Erlang cookie of this user from /dev/urandom, unless it exists. If several runs do so at once, the first one wins. */
export const makeCookie: Script = sh.write`
if ! [ -s "$HOME/.erlang.cookie" ]; then
  (
    umask 077
    draft=$(mktemp "$HOME/.erlang.cookie.XXXXXX")
    trap 'trap "" HUP INT TERM PIPE; rm -f -- "$draft"' EXIT
    od -An -N 24 -tx1 /dev/urandom | tr -d ' \\n' > "$draft"
    chmod 0400 "$draft"
    ln "$draft" "$HOME/.erlang.cookie" 2>/dev/null || [ -s "$HOME/.erlang.cookie" ]
  )
fi`

const program = (dir: string, release: string) => `${dir}/bin/${release}`

interface Evaluation {
  readonly layout: Layout
  readonly release: Release
  readonly slot: Slot
  /** Name of the release's program. */
  readonly name: string
  readonly expression: string
  /** Seconds. */
  readonly limit: number
}

/**
 * Evaluates the expression of a migration in a separate VM, without starting the application and without a node name. A line is appended that writes the
 * completion file, because a VM also exits with 0 after SIGTERM and after `System.halt`.
 */
export const evaluate = ({ name, expression, ...rest }: Evaluation): Script =>
  migration({
    ...rest,
    before: sh.lines(sh.write`export RELEASE_DISTRIBUTION=none`, APART),
    command: sh.write`${program(rest.release.dir, name)} eval ${`${expression}\n${writeDone}`}`,
  })

/** Uses Erlang modules, because an alias in the expression may shadow those of Elixir. */
const writeDone = `:ok = :file.write_file(:os.getenv(:erlang.binary_to_list("${MIGRATED}")), "done")`

/** Evaluates an expression in the running application. */
export const rpc = (layout: Layout, slot: Slot, name: string, expression: string): Script =>
  sh.write`${withEnvironment(layout, slot)}
${CLIENT}
cd ${layout.slot(slot.name).current}
exec ${program(layout.slot(slot.name).current, name)} rpc ${expression} </dev/null`

/** The command that evaluates an expression in the running application, in the folder of its release. */
export const rpcCommand = (name: string, expression: string): Script => sh.write`${`bin/${name}`} rpc ${expression}`

/** Bash command line that opens a remote console. Requires a terminal, because without one iex silently stays in the local VM. */
export const remoteConsole = (layout: Layout, slot: Slot, name: string): string =>
  consoleCommand({
    layout,
    slot,
    before: CLIENT,
    command: sh.write`${program(layout.slot(slot.name).current, name)} remote`,
  })

/**
 * Runs a script that waits for a VM to exit, and meanwhile repeats SIGTERM each second, up to 10 times. A VM that is still booting ignores the first one
 * (OTP 25 never acted on one sent after 0.5 s), and a VM that is already stopping ignores the others. Sends none once `pids` prints nothing.
 */
export const withRepeatedSigterm = (pids: Script, waiting: Script): Script => sh.write`
(for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -TERM ${pids} || exit 0; done) < /dev/null > /dev/null 2>&1 &
repeater=$!
${waiting}
kill "$repeater" 2>/dev/null || true`
