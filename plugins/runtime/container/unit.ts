/** The template unit of a container of each slot. Pure. */
import type { HostFacts } from '../../../slots/contracts.ts'
import { type PlannedProcess, type ProcessLimits, type Resources, settingsOf } from '../service/processes.ts'
import { quoteArgument, unitText } from '../unit.ts'
import { type Containers, commandOf, containerName, type EngineName, startContainer } from './scripts.ts'

interface ContainerUnit extends Pick<ProcessLimits, Resources>, Pick<PlannedProcess, 'stopSignal' | 'stopLimit'> {
  readonly containers: Containers
  /** What the container runs instead of the image's own command; may be empty. */
  readonly command: readonly string[]
  /** Missing for the one that serves requests. */
  readonly process?: PlannedProcess['process']
}

/** The name of the instance in the unit's name, which is the slot. */
const SLOT = '%i'

/** A script as a command line of the unit, in which the slot is a specifier of systemd. */
const bash = (text: string): string => `/bin/bash -euo pipefail -c ${quoteArgument(text).replaceAll(`%${SLOT}`, SLOT)}`

/** A command of the engine in the unit, without the variables of the application, such as its PATH. */
const commandIn = (engine: EngineName, user: string, args: string): string => {
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const environment = `PATH=${path} HOME="$home" XDG_RUNTIME_DIR="/run/user/$EUID"`
  return `home=~${user}; /usr/bin/env -i ${environment} ${commandOf(engine).join(' ')} ${args}`
}

/** However the engine's client ended, also by SIGKILL, its container ends too. */
const removal = (engine: EngineName, user: string, name: string): string =>
  `ExecStopPost=-${bash(`${commandIn(engine, user, `rm --force ${name}`)} > /dev/null 2>&1`)}`

/**
 * The process of the unit is the client of the engine, which begins long before the container has a process. The unit is up once that exists, and for one
 * whose end a deploy looks for once it has run for a second.
 */
const waiting = (engine: EngineName, user: string, name: string, seconds: 0 | 1): string => {
  const pid = `$(${commandIn(engine, user, `container inspect --format {{.State.Pid}} ${name}`)} 2> /dev/null)`
  const aged = seconds === 0 ? '' : ` && [[ $(/usr/bin/ps -o etimes= -p "$pid") -ge ${seconds} ]]`
  return `ExecStartPost=-${bash(`until pid=${pid}; [[ $pid = [1-9]* ]]${aged}; do kill -0 "$MAINPID" || exit 0; /usr/bin/sleep 0.1; done`)}`
}

const resourcesOf = ({ memoryMax, cpuMax, filesMax }: Pick<ProcessLimits, Resources>): ProcessLimits => ({
  ...(memoryMax !== undefined && { memoryMax }),
  ...(cpuMax !== undefined && { cpuMax }),
  ...(filesMax !== undefined && { filesMax }),
})

const limitsOfDocker = ({ memoryMax, cpuMax, filesMax }: ProcessLimits): readonly string[] => [
  ...(memoryMax === undefined ? [] : ['--memory', memoryMax]),
  ...(cpuMax === undefined ? [] : ['--cpus', String(cpuMax)]),
  ...(filesMax === undefined ? [] : ['--ulimit', `nofile=${filesMax}`]),
]

export function containerUnit(unit: ContainerUnit, facts: HostFacts): string {
  const { command, stopLimit, stopSignal, process } = unit
  const { app, layout, engine } = unit.containers
  const docker = engine === 'docker'
  const name = containerName(app, SLOT, process?.name)
  // The processes of Podman stay in the unit, which limits them.
  const limits = resourcesOf(unit)
  const containers = docker
    ? { ...unit.containers, options: [...limitsOfDocker(limits), ...unit.containers.options] }
    : unit.containers
  return unitText(
    {
      app,
      layout,
      start: bash(startContainer(containers, SLOT, name, command).text),
      killMode: 'mixed',
      stopLimit,
      // Rootless Podman needs newuidmap, which gets root's rights by its mode. The container itself has none of them.
      hardened: docker,
      after: docker ? ['docker.service'] : [],
      ...(process && { process }),
      settings: [
        ...settingsOf({ stopSignal, ...(!docker && limits) }).filter(line => docker || line !== 'PrivateTmp=yes'),
        // The engine's client exits with the code of the container: 128 + SIGTERM for an application without a handler.
        'SuccessExitStatus=143',
        // An image that was removed from the engine is loaded again first.
        'TimeoutStartSec=15min',
        ...(process || docker ? [waiting(engine, facts.user, name, process ? 1 : 0)] : []),
        removal(engine, facts.user, name),
      ],
    },
    facts,
  )
}
