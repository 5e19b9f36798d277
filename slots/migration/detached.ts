/**
 * Runs a step that must run only once and never concurrently, such as a migration. It runs detached on the host, with its output and its exit code in
 * files, so that a lost connection does not end it and a later run can read the result.
 *
 * The launcher holds `<root>/migration.lock` until the step holds its own lock, and `<root>/migration` names the newest step. A step counts as running
 * while its lock is held, by its shell or a child process: neither a reused pid nor a killed shell can be mistaken for its end.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'

/** The record of a detached step, written when it starts. */
export interface DetachedStep {
  readonly slot: string
  /** Such as `migrate-0.1.1-3fa9c21`. */
  readonly kind: string
  /** The deploy that started it. */
  readonly deploy: string
  readonly by: string
}

/** The kind of a step that migrates a release. */
export const migrationKind = (release: string): string => `migrate-${release}`

/** The release that a step migrates. */
export const migratedRelease = ({ kind }: DetachedStep): string => kind.replace(/^migrate-/, '')

/** The state of a detached step. */
export interface Detached extends DetachedStep {
  /** Start time by the host's clock, ISO 8601, UTC. */
  readonly since: string
  /** A number is the exit code; `lost`: its processes are gone and left no result, for example after a reboot. */
  readonly state: 'running' | 'lost' | number
}

/** Exit codes of `launch` and `follow`. `LOST`: the step left no result. `BUSY`: another step is running, so nothing was started. */
const { lost: LOST, busy: BUSY } = EXIT.migration

const at = (layout: Layout, { slot, deploy, kind }: DetachedStep) =>
  posix.join(layout.slot(slot).tasks, `${deploy}-${kind}`)

/** Succeeds if the step of `$base` has ended or never started. Its files may have been removed by hand. */
const ended = sh.read`{ [ -s "$base.exit" ] || ! [ -e "$base.lock" ] || flock -n -s "$base.lock" true; }`

/** Prints a step's output until it ends, and exits with its exit code; `LOST` if it left none. */
export const follow = (layout: Layout, step: DetachedStep): Script => sh.read`
base=${at(layout, step)}
{ until ${ended}; do sleep 0.2; done; } &
tail -n +1 -s 0.1 --pid=$! -f "$base.log" 2>/dev/null || :
[ -s "$base.exit" ] || exit ${LOST}
exit "$(cat "$base.exit")"`

/** Starts the step whose script comes from standard input, and follows it. Exits with `BUSY` if the previous step is still running. */
export const launch = (layout: Layout, step: DetachedStep): Script =>
  sh.lines(
    program(new URL('./launch.sh', import.meta.url), {
      writes: true,
      parameters: {
        base: at(layout, step),
        newest: layout.migration,
        record: JSON.stringify(recordOf(step)),
        ended,
        ...EXIT.migration,
      },
    }),
    follow(layout, step),
  )

const recordOf = ({ slot, kind, deploy, by }: DetachedStep): DetachedStep => ({ slot, kind, deploy, by })

/** Prints the state, start time and record of the newest step; nothing if there is none. */
export const newestScript = (layout: Layout): Script => sh.read`
if [ -s ${layout.migration} ]; then
  { read -r base; read -r record; } < ${layout.migration}
  if [ -s "$base.exit" ]; then state=$(cat "$base.exit")
  elif ${ended}; then state=lost
  else state=running; fi
  if [ -e "$base.log" ]; then printf '%s %s %s' "$state" "$(date -u -r "$base.sh" +%Y-%m-%dT%H:%M:%SZ)" "$record"; fi
fi`

export function parseNewest(text: string): Detached | undefined {
  const [, state, since = '', record = ''] = /^(running|lost|\d+) (\S+) (.*)$/.exec(text.trim()) ?? []
  if (state === undefined) return undefined
  const step = JSON.parse(record) as DetachedStep
  return { ...recordOf(step), since, state: state === 'running' || state === 'lost' ? state : Number(state) }
}

/** The newest step and its state; undefined if there is none. */
export const newestMigration = (layout: Layout): Query<Detached | undefined> =>
  capture(newestScript(layout), parseNewest)

/**
 * Wraps a query so that its script runs detached.
 * @throws `MIGRATION_RUNNING` if another step is running; `MIGRATION_LOST` if this one left no result.
 */
export const detached = <T>(query: Query<T>, layout: Layout, step: DetachedStep): Query<T> => ({
  ...query,
  script: launch(layout, step),
  input: query.script.text,
  async read(output, host) {
    if (output.code === LOST) throw slotFaults.MIGRATION_LOST({ host: host.name, release: migratedRelease(step) })
    if (output.code !== BUSY) return query.read(output, host)
    const other = await host.query(newestMigration(layout))
    throw slotFaults.MIGRATION_RUNNING({ host: host.name, release: other && migratedRelease(other), ...other })
  },
})
