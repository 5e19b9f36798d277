/** The processes of a slot beside the one that serves requests, each a unit of its own, such as `life-worker@blue.service`. */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot } from '../../host/sudo.ts'
import { asApplication } from '../../slots/as-application.ts'
import type { HostFacts, PluginContext, Slot } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'
import type { Others } from './supervisor.ts'
import { attemptsFile } from './unit.ts'

export const SYSTEMCTL = '/usr/bin/systemctl'
export const UNITS = '/etc/systemd/system'
/** `systemctl enable` makes a link to each unit here, because the units have `WantedBy=multi-user.target`. */
const ENABLED = `${UNITS}/multi-user.target.wants`

export interface OtherProcess {
  readonly name: string
  /** Whether it runs only while its slot is live. */
  readonly live: boolean
  /**
   * Whether it may run in both slots during a switch, on a host where all processes run only in the live slot.
   *
   * @default false
   */
  readonly overlaps?: boolean
  /** The text of its template unit. */
  unitFile(facts: HostFacts): string
  /** The text of the template of its timer, for a process that runs at certain times. */
  readonly timer?: string | undefined
}

/** The name of a unit, or with an empty instance that of the template. The process that serves requests has no name. */
export const unitName = (app: string, process: string | undefined, instance: string): string =>
  `${process === undefined ? app : `${app}-${process}`}@${instance}.service`

const timerName = (app: string, { name }: OtherProcess, instance: string): string =>
  unitName(app, name, instance).replace(/service$/, 'timer')

/** The unit that is started and enabled: its timer, if it has one. */
const startedUnit = (app: string, process: OtherProcess, instance: string): string =>
  process.timer === undefined ? unitName(app, process.name, instance) : timerName(app, process, instance)

/** Its units, those first that start others; with an empty instance their templates. */
export const unitsOf = (app: string, process: OtherProcess, instance: string): readonly string[] => [
  ...(process.timer === undefined ? [] : [timerName(app, process, instance)]),
  unitName(app, process.name, instance),
]

/** The names and units of some processes. */
const named = (
  app: string,
  processes: readonly OtherProcess[],
  slot: Slot,
  units: (app: string, process: OtherProcess, instance: string) => readonly string[] = unitsOf,
) => processes.flatMap(process => units(app, process, slot.name).map(unit => ({ name: process.name, unit })))

/** The file that exists while what runs only in the live slot runs in this one. */
const liveFile = (layout: Layout, slot: string): string => posix.join(layout.live, slot)

/** Exists while a process is started together with its slot, at a deploy and at a boot: not if the slot was started before a setup added the process. */
export const enabledLink = (app: string, process: OtherProcess, slot: Slot): string =>
  posix.join(ENABLED, startedUnit(app, process, slot.name))

/** Runs systemctl for the unit that `unit` stands for, as root. */
export const systemctl = (verb: string, unit: Script = sh.read`"$1"`): Script =>
  sh.write`${asRoot([SYSTEMCTL, verb])} ${unit}`

/** Forgets the failures of a unit, and how often it was started in a row: a start by us never waits, as one after a crash does. */
export const forgetFailures = (
  { app, layout }: Pick<PluginContext, 'app' | 'layout'>,
  process: string | undefined,
  slot: Slot,
): Script => {
  const file = attemptsFile(app, process, slot.name)
  return sh.write`
${forget(layout, sh.write`rm -f -- ${file}`)} 2>/dev/null || true
${systemctl('reset-failed', sh.read`${unitName(app, process, slot.name)}`)} 2>/dev/null || true`
}

/** Deletes a file in which a unit counts its start attempts, as the user of the unit. `define`: as in `asApplication`. */
const forget = ({ user }: Layout, remove: Script, define?: Script): Script =>
  user === undefined ? remove : sh.write`(${asApplication(user, remove, define)})`

/**
 * Starts a unit. A process that ends at once fails the start only if systemd sees its end before its beginning, so that is left to the health check and to
 * `complete`, which show its output: the process has begun in this start, and has ended by itself. From 200 on the status is one of systemd itself, which
 * could not execute the command; see systemd.exec(5).
 */
export const begun = (unit: Script = sh.read`"$1"`): Script => {
  const value = (property: string) => sh.read`$(systemctl show --property=${property} ${unit} --value)`
  // Not compared with the time at which the unit left its inactive state: that is later if the unit waits for its next start already.
  return sh.write`
before="${value('ExecMainStartTimestampMonotonic')}"
${systemctl('start', unit)} ||
  case "${value('Result')}" in
    exit-code|signal|core-dump)
      if [ "${value('ExecMainStartTimestampMonotonic')}" = "$before" ]; then exit 1; fi
      if [ "${value('ExecMainStatus')}" -ge 200 ]; then exit 1; fi ;;
    *) exit 1 ;;
  esac`
}

/**
 * Stops units, all at once, and prints what `Supervisor.stop` does. A name of an unnamed process is `web`.
 *
 * @param disable whether they no longer start after a reboot either
 */
export const stopUnits = (
  units: readonly { readonly unit: string; readonly name: string }[],
  { disable, stop = systemctl('stop') }: { readonly disable: boolean; readonly stop?: Script },
): Script =>
  program(new URL('./stop-unit.sh', import.meta.url), {
    writes: true,
    parameters: {
      folder: UNITS,
      units: units.map(({ unit }) => unit),
      names: units.map(({ name }) => name),
      disable: disable ? systemctl('disable') : sh.read`:`,
      resetFailed: systemctl('reset-failed'),
      stop,
      ...EXIT.process,
    },
  })

/** The scripts of the other processes; undefined if there are none. */
export function othersOf(app: string, layout: Layout, processes: readonly OtherProcess[]): Others | undefined {
  if (processes.length === 0) return undefined
  const some = (live: boolean) => processes.filter(process => process.live === live)
  const completed = (slot: Slot, live: boolean) =>
    program(new URL('./complete.sh', import.meta.url), {
      parameters: { ...started(app, some(live), slot), ...EXIT.process },
    })
  return {
    complete: slot => completed(slot, false),
    promoted: slot =>
      sh.lines(
        program(new URL('./live-start.sh', import.meta.url), {
          writes: true,
          parameters: {
            ...started(app, some(true), slot),
            folder: layout.live,
            slot: slot.name,
            forget: forget(layout, sh.write`rm -f -- "$1"`, sh.read`printf 'set -- %q\\n' "$1"`),
            attempts: some(true).map(({ name }) => attemptsFile(app, name, slot.name)),
            start: begun(),
            stop: systemctl('stop'),
            resetFailed: systemctl('reset-failed'),
          },
        }),
        completed(slot, true),
      ),
    demoted: (slot, next) =>
      sh.lines(
        next === undefined ? sh.write`rm -f -- ${liveFile(layout, slot.name)}` : sh.read`:`,
        stopUnits(named(app, some(true), slot), { disable: false }),
      ),
  }
}

/** Parameters of the scripts that start processes or wait for them. */
function started(app: string, processes: readonly OtherProcess[], slot: Slot) {
  const units = named(app, processes, slot, (...of) => [startedUnit(...of)])
  return { enabled: ENABLED, units: units.map(({ unit }) => unit), names: units.map(({ name }) => name) }
}

/**
 * The scripts of a host whose slots have these processes alone, all of which run only in the live slot. A switch stops those that must not run twice before
 * it starts the others, and those that may once the new ones run.
 */
export function allOf(
  app: string,
  layout: Layout,
  slots: readonly Slot[],
  processes: readonly OtherProcess[],
): Others | undefined {
  const others = othersOf(app, layout, processes)
  if (!others) return undefined
  const overlapping = processes.filter(({ overlaps }) => overlaps)
  const exclusive = processes.filter(({ overlaps }) => !overlaps)
  return {
    complete: slot =>
      program(new URL('./enabled.sh', import.meta.url), {
        parameters: { ...started(app, processes, slot), ...EXIT.process },
      }),
    promoted: slot =>
      sh.lines(
        others.promoted(slot),
        ...slots
          .filter(({ name }) => name !== slot.name)
          .map(other => stopUnits(named(app, overlapping, other), { disable: false })),
      ),
    demoted: (slot, next) =>
      next === undefined ? others.demoted(slot, next) : stopUnits(named(app, exclusive, slot), { disable: false }),
  }
}

/** Starts the other processes of a slot, which the conditions of their units prevent for those that run only while the slot is live. */
export const startOthers = (
  context: Pick<PluginContext, 'app' | 'layout'>,
  processes: readonly OtherProcess[],
  slot: Slot,
): Script =>
  sh.lines(
    ...processes.map(process => {
      const unit = sh.read`${startedUnit(context.app, process, slot.name)}`
      return sh.write`
${forgetFailures(context, process.name, slot)}
${begun(unit)}
${systemctl('enable', unit)}`
    }),
  )

/** Prints `Process=NAME SUBSTATE` for each process that should run, because its slot was started with it. */
export const otherStates = (app: string, layout: Layout, processes: readonly OtherProcess[], slot: Slot): Script =>
  sh.lines(
    ...processes.map(process => {
      const condition = process.live ? sh.read` && [ -e ${liveFile(layout, slot.name)} ]` : sh.read``
      return sh.read`
if [ -L ${enabledLink(app, process, slot)} ]${condition}; then
  printf 'Process=%s %s\\n' ${process.name} "$(systemctl show --property=SubState ${startedUnit(app, process, slot.name)} --value)"
fi`
    }),
  )

/** Parses the output of `otherStates`: the names of the processes that do not run, and whose timers do not. */
export const failedOthers = (text: string): readonly string[] =>
  [...text.matchAll(/^Process=(\S+) (.*)$/gm)].flatMap(([, name = '', state = '']) =>
    /^(?:running|reload|waiting)/.test(state) ? [] : [name],
  )
