/** Scripts that run containers of a release. The account of the application talks to the engine itself: no root is needed for it. Pure. */
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'

export type EngineName = 'docker' | 'podman'

/** What the scripts need to know about a slot's containers. */
export interface Containers {
  readonly app: string
  readonly layout: Layout
  readonly engine: EngineName
  /** Arguments of `run` for each container. */
  readonly options: readonly string[]
}

/** The program of an engine, and arguments for each of its commands: Podman would write events of its own into the log of the slot. */
export const commandOf = (engine: EngineName): readonly string[] =>
  engine === 'docker' ? ['/usr/bin/docker'] : ['/usr/bin/podman', '--events-backend=none']

/** The name of the container that serves requests, or of another process of a slot. */
export const containerName = (app: string, slot: string, process?: string): string =>
  `switchyard-${app}-${slot}${process === undefined ? '' : `.${process}`}`

/** Sets the environment of the engine, and defines `load` and `contain` for the release in a folder. */
const prepared = ({ layout, engine, options }: Containers, slot: string, folder: string): Script =>
  program(new URL('./engine-shell.sh', import.meta.url), {
    writes: true,
    parameters: {
      engine: commandOf(engine),
      folder,
      envFile: layout.slot(slot).env,
      options,
      ...EXIT.startable,
    },
  })

/** Gives the image of a release to the engine, unless it has it. */
export const loadImage = (containers: Containers, slot: Slot, folder: string): Script => sh.write`(
${prepared(containers, slot.name, folder)}
load
)`

/** As `loadImage`, also from a registry with a login for `registry`; see obtain-image.sh. */
export const obtainImage = (containers: Containers, slot: Slot, folder: string, registry: string): Script => sh.write`(
${program(new URL('./obtain-image.sh', import.meta.url), {
  writes: true,
  parameters: { prepare: prepared(containers, slot.name, folder), registry, ...EXIT.image },
})}
)`

/** The process of a unit, whose container has this name. */
export const startContainer = (
  containers: Containers,
  slot: string,
  name: string,
  command: readonly string[],
): Script =>
  program(new URL('./start-container.sh', import.meta.url), {
    parameters: {
      prepare: prepared(containers, slot, containers.layout.slot(slot).current),
      name,
      command,
    },
  })

/** Runs a command in the container of a slot, or if that is down in one of its own. */
export const execInContainer = (containers: Containers, slot: Slot, command: readonly string[]): Script => ({
  ...program(new URL('./exec-in-container.sh', import.meta.url), {
    parameters: {
      prepare: prepared(containers, slot.name, containers.layout.slot(slot.name).current),
      name: containerName(containers.app, slot.name),
      command,
    },
  }),
  label: sh.read`${command}`.text,
})

interface OneRun {
  /** The folder of the release. */
  readonly folder: string
  /** Distinguishes its container from the others of the slot. */
  readonly task: 'migrate' | 'promoted' | 'demoted'
  readonly command: readonly string[]
}

/** Runs a migration or a hook in a container of its own, as one command for `migration()` and for `hookScript()`. */
export const runInContainer = (containers: Containers, slot: Slot, { folder, task, command }: OneRun): Script => {
  const script = program(new URL('./run-in-container.sh', import.meta.url), {
    writes: true,
    parameters: {
      prepare: prepared(containers, slot.name, folder),
      name: `${containerName(containers.app, slot.name)}-${task}`,
      command,
    },
  })
  return sh.write`/bin/bash -euo pipefail -c ${script.text}`
}

/** Removes images whose releases are gone; all of them if `releases` is no folder. */
export const sweepImages = ({ app, engine }: Containers, releases: string): Script => sh.write`(
${program(new URL('./sweep-images.sh', import.meta.url), {
  writes: true,
  parameters: { engine: commandOf(engine), repository: `localhost/switchyard/${app}`, releases },
})}
)`

/** Prints the id of the container's first process; nothing while it does not run. */
export const containerPid = ({ app, engine }: Containers, slot: Slot): Script =>
  sh.read`{ ${commandOf(engine)} container inspect --format ${'{{.State.Pid}}'} ${containerName(app, slot.name)} 2>/dev/null || :; } | sed /^0$/d`
