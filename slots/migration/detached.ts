/**
 * A step that must not run twice, and never two of it at once, such as a migration: it runs detached on the host, with its output and its
 * result in files, so that a cut connection does not end it, and the next run can ask how it ended.
 *
 * The order is the host's: who begins one holds `<root>/migration.lock` until the step holds a lock of its own, and `<root>/migration` names
 * the newest. No clock of anybody is asked. A step runs as long as its own lock is held, by its shell or by what that started: so neither a
 * pid that was given to another process nor a shell that was killed can be mistaken for its end.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'

/** What is written down of a detached step when it begins. */
export interface Begun {
  readonly slot: string
  /** What it does, as `migrate-0.1.1-3fa9c21`. */
  readonly kind: string
  /** The deploy that began it, and whose that is. */
  readonly deploy: string
  readonly by: string
}

/** What a step that migrates a release is called. */
export const migrationOf = (release: string): string => `migrate-${release}`

/** The release that a step migrates. */
export const releaseIn = ({ kind }: Begun): string => kind.replace(/^migrate-/, '')

/** How the newest detached step stands. */
export interface Detached extends Begun {
  /** When it began, ISO 8601, UTC, by the host's clock. */
  readonly since: string
  /** An exit code; `lost`: its processes are gone and left no result, as after a reboot. */
  readonly state: 'running' | 'lost' | number
}

/** How scripts that begin or follow a step end: it left no result, or another step runs and nothing was begun. */
const { lost: LOST, busy: BUSY } = EXIT.migration

const at = (layout: Layout, { slot, deploy, kind }: Begun) => posix.join(layout.slot(slot).tasks, `${deploy}-${kind}`)

/** Succeeds when the step of `$base` has ended, or never began. `newest` can be removed by hand, and so can what it names. */
const ended = sh.read`{ [ -s "$base.exit" ] || ! [ -e "$base.lock" ] || flock -n -s "$base.lock" true; }`

/** Follows a step's output to its end and exits with its code; `LOST` when it left none. */
export const follow = (layout: Layout, step: Begun): Script => sh.read`
base=${at(layout, step)}
{ until ${ended}; do sleep 0.2; done; } &
tail -n +1 -s 0.1 --pid=$! -f "$base.log" 2>/dev/null || :
[ -s "$base.exit" ] || exit ${LOST}
exit "$(cat "$base.exit")"`

/** Begins the step whose script comes by standard input, and follows it. Exits with `BUSY` when the one before it still runs. */
export const launch = (layout: Layout, step: Begun): Script =>
  sh.lines(
    program(new URL('./launch.sh', import.meta.url), {
      writes: true,
      parameters: {
        base: at(layout, step),
        newest: layout.migration,
        words: JSON.stringify(words(step)),
        ended,
        ...EXIT.migration,
      },
    }),
    follow(layout, step),
  )

const words = ({ slot, kind, deploy, by }: Begun): Begun => ({ slot, kind, deploy, by })

/** Prints the state of the newest step, when it began, and what was written down of it; nothing when there never was one. */
export const newest = (layout: Layout): Script => sh.read`
if [ -s ${layout.migration} ]; then
  { read -r base; read -r about; } < ${layout.migration}
  if [ -s "$base.exit" ]; then state=$(cat "$base.exit")
  elif ${ended}; then state=lost
  else state=running; fi
  if [ -e "$base.log" ]; then printf '%s %s %s' "$state" "$(date -u -r "$base.sh" +%Y-%m-%dT%H:%M:%SZ)" "$about"; fi
fi`

export function parseNewest(text: string): Detached | undefined {
  const [, state, since = '', about = ''] = /^(running|lost|\d+) (\S+) (.*)$/.exec(text.trim()) ?? []
  if (state === undefined) return undefined
  const step = JSON.parse(about) as Begun
  return { ...words(step), since, state: state === 'running' || state === 'lost' ? state : Number(state) }
}

/** The newest step, and how it stands. */
export const askNewest = (layout: Layout): Query<Detached | undefined> => capture(newest(layout), parseNewest)

/** The same query, whose script runs detached. Throws `MIGRATION_RUNNING` when another step runs, and `MIGRATION_LOST` when this one left no result. */
export const detached = <T>(query: Query<T>, layout: Layout, step: Begun): Query<T> => ({
  ...query,
  script: launch(layout, step),
  input: query.script.text,
  async read(output, host) {
    if (output.code === LOST) throw slotFaults.MIGRATION_LOST({ host: host.name, release: releaseIn(step) })
    if (output.code !== BUSY) return query.read(output, host)
    const other = await host.query(askNewest(layout))
    throw slotFaults.MIGRATION_RUNNING({ host: host.name, release: other && releaseIn(other), ...other })
  },
})
