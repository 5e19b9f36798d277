/** The further processes of a service: their options and units. */
import {
  atLeast,
  count,
  either,
  type Fields,
  fields,
  number,
  oneOf,
  optional,
  type Rule,
  record,
  text,
  thing,
} from '../../../runner/taskfile/shape.ts'
import { WEB_ROLE } from '../../../slots/fleet/role-route.ts'
import type { Layout } from '../../../slots/layout.ts'
import type { OtherProcess } from '../other-units.ts'
import { timerText, type UnitProcess, unitText } from '../unit.ts'
import { type Command, commandRule, execStart, programIn } from './command.ts'

type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' | 'SIGWINCH'

/** How a process is stopped and limited. */
export interface ProcessLimits {
  /**
   * The signal that makes the process finish its work and exit.
   *
   * @default 'SIGTERM'
   */
  readonly stopSignal?: StopSignal
  /**
   * Seconds from the stop signal to SIGKILL.
   *
   * @default 60
   */
  readonly stopLimit?: number
  /**
   * Which processes get the stop signal: the main process, which must stop its workers (`mixed`), or all of them (`control-group`).
   *
   * @default 'mixed'
   */
  readonly killMode?: 'mixed' | 'control-group'
  /**
   * Memory limit of all processes that the command starts. One that exceeds it is killed and restarted.
   *
   * @example '512M'
   */
  readonly memoryMax?: string
  /**
   * Processor limit of all processes that the command starts, in cores. One that needs more gets slower.
   *
   * @example 1.5
   */
  readonly cpuMax?: number
  /**
   * How many files each process may have open. A connection is one too.
   *
   * @default 65536
   */
  readonly filesMax?: number
}

/** A process beside the one that serves requests, such as one that works through a queue. */
export interface ServiceProcess extends ProcessLimits {
  /** The command that runs the process in the foreground, in the folder of the release and with the environment of the slot. */
  readonly start: Command
  /**
   * `always`: the process runs as long as its slot does, so that for a time the processes of two releases run side by side. `live`: it runs only in the
   * live slot, also after a reboot, for something that must not run twice, such as a scheduler.
   *
   * @default 'always', and 'live' with `schedule`
   */
  readonly when?: 'always' | 'live'
  /**
   * For a job that ends by itself: when it runs, as a calendar event of systemd.time(7) in the time zone of the host. A systemd timer starts it, such as
   * `life-report@blue.timer`. A run that is due while the last one still works, during a switch, or while the host is down is left out.
   *
   * @example '*-*-* 03:00'
   */
  readonly schedule?: string
  /**
   * The role of the hosts that run the process in place of those with the role `web`, if the hosts of the Taskfile have roles. Without roles each host runs
   * it.
   *
   * @default 'web'
   */
  readonly role?: string
}

export const limitRules: Fields<ProcessLimits> = {
  stopSignal: optional(oneOf('SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH')),
  stopLimit: optional(atLeast(1, 'seconds')),
  killMode: optional(oneOf('mixed', 'control-group')),
  memoryMax: optional(
    thing<string>(
      'an amount of memory such as "512M" or "2G"',
      value => typeof value === 'string' && /^[1-9]\d*[KMGT]$/.test(value),
    ),
  ),
  cpuMax: optional(number('a number of cores of at least 0.01', value => value >= 0.01 && Number.isFinite(value))),
  filesMax: optional(count(64)),
}

const processFields: Fields<ServiceProcess> = {
  start: commandRule,
  when: optional(oneOf('always', 'live')),
  schedule: optional(
    thing<string>(
      'a calendar event of systemd such as "daily" or "*-*-* 03:00"',
      value => typeof value === 'string' && /^[\w*:.,/~ +-]+$/.test(value),
    ),
  ),
  role: optional(text),
  ...limitRules,
}

const NAME = /^[a-z][a-z0-9_]{0,15}$/
const NAMES =
  'a name of a lower-case letter, then at most 15 lower-case letters, digits or underscores, and not "web", which is the process of `start`'

function byName<T extends object>(options: Fields<T>): Rule<Readonly<Record<string, Command | T>>> {
  const rule = record({
    ...either(commandRule, fields<T>(options)),
    expected: `${commandRule.expected}, or \`{ start, when, schedule, role, ... }\``,
  })
  return {
    ...rule,
    check(value) {
      const wrong = rule.check(value)
      const odd = wrong ? undefined : Object.keys(value as object).find(name => !NAME.test(name) || name === 'web')
      return odd === undefined ? wrong : { path: [odd], got: 'called that', expected: NAMES }
    },
  }
}

export const processesRule = byName(processFields)

/** The first process of a container is the one that gets the signal. */
export type ContainerProcess = Omit<ServiceProcess, 'killMode'>
const { killMode: _, ...ofContainer } = processFields
export const containerProcessesRule = byName<ContainerProcess>(ofContainer)

/** The lines of a unit's section `[Service]` for these limits. */
export const settingsOf = ({
  stopSignal = 'SIGTERM',
  memoryMax,
  cpuMax,
  filesMax,
}: ProcessLimits): readonly string[] => [
  `KillSignal=${stopSignal}`,
  'PrivateTmp=yes',
  ...(memoryMax === undefined ? [] : [`MemoryMax=${memoryMax}`]),
  ...(cpuMax === undefined ? [] : [`CPUQuota=${Math.round(cpuMax * 100)}%`]),
  ...(filesMax === undefined ? [] : [`LimitNOFILE=${filesMax}`]),
]

/** A process of a service with its defaults. */
export interface ServiceUnit extends OtherProcess {
  /** Its program as a path in the release; undefined if it is elsewhere. */
  readonly program: string | undefined
  readonly stopLimit: number
  readonly stopSignal: StopSignal
}

type Processes = Readonly<Record<string, Command | ServiceProcess>>

const optionsOf = (given: Command | ServiceProcess): ServiceProcess =>
  typeof given === 'object' && 'start' in given ? given : { start: given }

/** The roles of the processes, except for `web`. */
export const rolesOf = (processes: Processes): readonly string[] =>
  [...new Set(Object.values(processes).flatMap(given => optionsOf(given).role ?? []))].filter(role => role !== WEB_ROLE)

/** The limits of what a process may use. */
export type Resources = 'memoryMax' | 'cpuMax' | 'filesMax'

/** A process with its defaults, for the unit that a runtime makes of it. */
export interface PlannedProcess extends Required<Omit<ProcessLimits, Resources>>, Pick<ProcessLimits, Resources> {
  readonly start: Command
  readonly process: UnitProcess
}

type OwnOfRuntime = Pick<ServiceUnit, 'program' | 'unitFile'>

/** The processes of a host. With a role other than `web` all of them run only in the live slot, because the traffic of others decides about them. */
export const processesOf = (
  { app, layout, role }: { readonly app: string; readonly layout: Layout; readonly role?: string | undefined },
  processes: Processes,
  unitOf: (process: PlannedProcess) => OwnOfRuntime,
): readonly ServiceUnit[] =>
  Object.entries(processes).flatMap(([name, given]) => {
    const { role: own = WEB_ROLE, schedule, ...options } = optionsOf(given)
    const { when = schedule === undefined ? 'always' : 'live' } = options
    if (role !== undefined && own !== role) return []
    const { killMode = 'mixed', stopLimit = 60, stopSignal = 'SIGTERM' } = options
    const serves = role === undefined || role === WEB_ROLE
    const live = when === 'live' || !serves
    const process = { name, live, schedule }
    return {
      name,
      live,
      overlaps: !serves && when === 'always',
      stopLimit,
      stopSignal,
      timer: schedule === undefined ? undefined : timerText({ app, layout, process }),
      ...unitOf({ ...options, killMode, stopLimit, stopSignal, process }),
    }
  })

/** The unit of a command on the host itself. */
export const commandUnit =
  ({ app, layout }: { readonly app: string; readonly layout: Layout }) =>
  ({ start, process, killMode, stopLimit, ...limits }: PlannedProcess): OwnOfRuntime => {
    const unit = { app, layout, start: execStart(start), killMode, stopLimit, settings: settingsOf(limits), process }
    return { program: programIn(start), unitFile: facts => unitText(unit, facts) }
  }
