/** The further processes of a service: their options and units. */
import {
  atLeast,
  either,
  type Fields,
  fields,
  oneOf,
  optional,
  type Rule,
  record,
  thing,
} from '../../../runner/taskfile/shape.ts'
import type { Layout } from '../../../slots/layout.ts'
import type { OtherProcess } from '../other-units.ts'
import { unitText } from '../unit.ts'
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
}

/** A process beside the one that serves requests, such as one that works through a queue. */
export interface ServiceProcess extends ProcessLimits {
  /** The command that runs the process in the foreground, in the folder of the release and with the environment of the slot. */
  readonly start: Command
  /**
   * `always`: the process runs as long as its slot does, so that for a time the processes of two releases run side by side. `live`: it runs only in the
   * live slot, also after a reboot, for something that must not run twice, such as a scheduler.
   *
   * @default 'always'
   */
  readonly when?: 'always' | 'live'
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
}

const processRule: Rule<Command | ServiceProcess> = {
  ...either(
    commandRule,
    fields<ServiceProcess>({ start: commandRule, when: optional(oneOf('always', 'live')), ...limitRules }),
  ),
  expected: `${commandRule.expected}, or \`{ start, when, ... }\``,
}

const NAME = /^[a-z][a-z0-9_]{0,15}$/
const NAMES =
  'a name of a lower-case letter, then at most 15 lower-case letters, digits or underscores, and not "web", which is the process of `start`'
const byName = record(processRule)

export const processesRule: Rule<Readonly<Record<string, Command | ServiceProcess>>> = {
  ...byName,
  check(value) {
    const wrong = byName.check(value)
    const odd = wrong ? undefined : Object.keys(value as object).find(name => !NAME.test(name) || name === 'web')
    return odd === undefined ? wrong : { path: [odd], got: 'called that', expected: NAMES }
  },
}

/** The lines of a unit's section `[Service]` for these limits. */
export const settingsOf = ({ stopSignal = 'SIGTERM', memoryMax }: ProcessLimits): readonly string[] => [
  `KillSignal=${stopSignal}`,
  'PrivateTmp=yes',
  ...(memoryMax === undefined ? [] : [`MemoryMax=${memoryMax}`]),
]

/** A process of a service with its defaults. */
export interface ServiceUnit extends OtherProcess {
  /** Its program as a path in the release; undefined if it is elsewhere. */
  readonly program: string | undefined
  readonly stopLimit: number
  readonly stopSignal: StopSignal
}

export const processesOf = (
  { app, layout }: { readonly app: string; readonly layout: Layout },
  processes: Readonly<Record<string, Command | ServiceProcess>>,
): readonly ServiceUnit[] =>
  Object.entries(processes).map(([name, given]) => {
    const options: ServiceProcess = typeof given === 'object' && 'start' in given ? given : { start: given }
    const { start, when = 'always', killMode = 'mixed', stopLimit = 60, stopSignal = 'SIGTERM' } = options
    const live = when === 'live'
    const unit = { app, layout, start: execStart(start), killMode, stopLimit, settings: settingsOf(options) }
    return {
      name,
      live,
      stopLimit,
      stopSignal,
      program: programIn(start),
      unitFile: facts => unitText({ ...unit, process: { name, live } }, facts),
    }
  })
