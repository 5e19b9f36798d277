/** The scripts that ask a release's own program for something, evaluate, rpc, remote console, and what an Erlang VM needs besides. */
import { type Script, sh } from '../../../host/script.ts'
import type { Release, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { consoleLine, MIGRATED, migration, withEnvironment } from '../scripts.ts'

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
 * Evaluates the expression of a migration in a VM of its own, without the application and without a node name. The expression is followed by a line that
 * says that it came to its end: a VM that is told to end by SIGTERM exits with 0 too, and so does one that calls `System.halt`.
 */
export const evaluate = ({ name, expression, ...of }: Evaluation): Script =>
  migration({
    ...of,
    before: sh.write`export RELEASE_DISTRIBUTION=none`,
    command: sh.write`${program(of.release.dir, name)} eval ${`${expression}\n${sayDone}`}`,
  })

/** Erlang's own modules: an alias of the expression may mean something else by Elixir's. */
const sayDone = `:ok = :file.write_file(:os.getenv(:erlang.binary_to_list("${MIGRATED}")), "done")`

/** Evaluates an expression in the running application. */
export const rpc = (layout: Layout, slot: Slot, name: string, expression: string): Script =>
  sh.write`${withEnvironment(layout, slot)}
${CLIENT}
cd ${layout.slot(slot.name).current}
exec ${program(layout.slot(slot.name).current, name)} rpc ${expression} </dev/null`

/** Bash that becomes a remote console. Without a terminal iex would quietly stay on its own side. */
export const remote = (layout: Layout, slot: Slot, name: string): string =>
  consoleLine({
    layout,
    slot,
    before: CLIENT,
    command: sh.write`${program(layout.slot(slot.name).current, name)} remote`,
  })

/** A program that talks to the slot's VM listens nowhere itself: the port is taken. */
const CLIENT = sh.write`export ERL_ZFLAGS="\${ERL_ZFLAGS-} -dist_listen false"`

/**
 * Runs a script that waits for a VM to end, and says SIGTERM again and again beside it: a VM that is still booting ignores
 * the first one (measured with OTP 25: one at 0.5 s was never acted on), and one that is stopping does not mind. No pid, no
 * signal.
 */
export const insisting = (pids: Script, waiting: Script): Script => sh.write`
(for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -TERM ${pids} || exit 0; done) < /dev/null > /dev/null 2>&1 &
insist=$!
${waiting}
kill "$insist" 2>/dev/null || true`
