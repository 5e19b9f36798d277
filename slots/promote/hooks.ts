/**
 * Hooks: commands of the application that run once the traffic has verifiably moved and that is recorded, for applications that pause work themselves.
 * A failure is reported, and the switch stands. The slot that is not live any more is told first, so that no work runs in both.
 */
import { type AnyQuery, caught, group, nameOf, type Query } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Runtime, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { append } from '../journal/journal.ts'
import { type Moves, previous } from './live-processes.ts'

export interface FailedHook {
  readonly slot: string
  readonly fault: Fault
}

type HookQuery = AnyQuery<FailedHook | undefined>

/** The hooks after a switch. */
export const hooksAfter = (runtime: Runtime, moves: Moves): readonly HookQuery[] =>
  hooksOf(runtime, [previous(moves)], moves.to)

/** The hooks after a switch that was undone when its hooks had run. */
export const hooksBack = (runtime: Runtime, moves: Moves): readonly HookQuery[] =>
  hooksOf(runtime, [moves.to], previous(moves))

export const hooksOf = (
  { hooks = {} }: Runtime,
  demoted: readonly (Slot | undefined)[],
  promoted: Slot | undefined,
): readonly HookQuery[] => [
  ...demoted.flatMap(slot => (slot && hooks.demoted ? [reporting(slot, hooks.demoted(slot))] : [])),
  ...(promoted && hooks.promoted ? [reporting(promoted, hooks.promoted(promoted))] : []),
]

/** A query that always succeeds, so that a failed hook does not skip the other one. */
const reporting = ({ name: slot }: Slot, query: Query<void>): HookQuery =>
  group([caught(unskipping(query))], ({ fault }) => fault && { slot, fault })

const CODE = /\n@@ (\d+)$/

const unskipping = (query: Query<void>): Query<void> => ({
  ...query,
  script: {
    ...sh.lines(sh.read`set +e\n(\nset -eu -o pipefail`, query.script, sh.read`)\nprintf '\\n@@ %s' "$?" >&2`),
    label: nameOf(query.script),
  },
  onLine(line) {
    if (!/^@@ \d+$/.test(line)) query.onLine?.(line)
  },
  read(output, host) {
    const [mark = '', code = output.code] = CODE.exec(output.stderr) ?? []
    return query.read({ ...output, code: Number(code), stderr: output.stderr.replace(mark, '') }, host)
  },
})

/** Reports hooks that failed, as warnings and in the journal. Contacts the host only if there are any. */
export async function reportHooks(
  { host, layout, deploy }: Pick<Deps, 'host' | 'layout' | 'deploy'>,
  failed: readonly FailedHook[],
  warn: (line: string) => void,
): Promise<void> {
  for (const { slot, fault } of failed) {
    warn(`warning: ${[fault.message, fault.hint, fault.detail].filter(Boolean).join('\n')}`)
    const event = { event: 'hook', slot, result: 'failed', why: fault.code } as const
    // The switch stands, even if the journal cannot be written.
    await host.query(append(layout, deploy, event)).catch(() => undefined)
  }
}
