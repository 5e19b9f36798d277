/**
 * Runtime for container images: a slot is a container, which Podman or Docker runs as the process of a systemd unit. So a slot has what every service has:
 * its log in the journal, restarts after a crash and a reboot, and the same few sudo rules.
 */
import { posix } from 'node:path'
import { sh } from '../../../host/script.ts'
import { checked } from '../../../runner/taskfile/shape.ts'
import { listenVariables } from '../../../slots/address.ts'
import type { Plugin, PluginContext, Runtime, Slot } from '../../../slots/contracts.ts'
import { WEB_ROLE } from '../../../slots/fleet/role-route.ts'
import { runtimeFaults } from '../faults.ts'
import { hooksOf } from '../hooks.ts'
import { assertStartable, migration } from '../scripts.ts'
import type { Command } from '../service/command.ts'
import { processesOf, rolesOf } from '../service/processes.ts'
import { migrationQuery, supervised } from '../supervised.ts'
import { systemd } from '../systemd.ts'
import { ADVICE, obtained } from './obtain.ts'
import { type ContainerOptions, OPTIONS, type Settings, withDefaults } from './options.ts'
import { type Containers, containerPid, execInContainer, loadImage, runInContainer, sweepImages } from './scripts.ts'
import { containerUnit } from './unit.ts'

/**
 * @throws OPTION_INVALID; with the first use: VOLUME_NOT_SHARED
 * @example container({ migrate: ['bin/migrate'], volumes: { storage: '/app/storage' } })
 */
export function container(options: ContainerOptions = {}): Plugin<Runtime> {
  checked('container()', OPTIONS, options)
  const settings = withDefaults(options)
  return {
    name: 'container',
    kind: 'runtime',
    prepares: true,
    roles: rolesOf(options.processes ?? {}),
    settings: () => settings,
    create: context => create(context, settings),
  }
}

/** A command line runs in the shell of the image, and is replaced by the program that it names. */
const argumentsOf = (command: Command | undefined): readonly string[] =>
  typeof command === 'string' ? ['/bin/sh', '-c', `exec ${command}`] : (command ?? [])

function containersOf({ app, layout }: PluginContext, settings: Settings): Containers {
  const { engine, volumes = {}, options = [] } = settings
  const unknown = Object.keys(volumes).find(name => !layout.shared.paths.includes(name))
  if (unknown !== undefined) throw runtimeFaults.VOLUME_NOT_SHARED({ path: unknown, shared: layout.shared.paths })
  return {
    app,
    layout,
    engine,
    options: [
      ...['--network', 'host', '--cap-drop', 'all', '--security-opt', 'no-new-privileges', '--log-driver', 'none'],
      // The processes of Podman stay in the unit, which has the limits, and whose processes are proven to be those of the slot.
      ...(engine === 'podman' ? ['--cgroups', 'disabled'] : []),
      ...Object.entries(volumes).flatMap(([name, place]) => [
        '--volume',
        `${posix.join(layout.shared.dir, name)}:${place}`,
      ]),
      ...options,
    ],
  }
}

function create(context: PluginContext, settings: Settings): Runtime {
  const { app, layout, slots, role = WEB_ROLE } = context
  const { engine, start, migrate, migrateLimit, console, stopSignal, stopLimit, hookLimit, demote } = settings
  const serves = role === WEB_ROLE
  const containers = containersOf(context, settings)
  const processes = processesOf(context, settings.processes ?? {}, ({ start, ...process }) => {
    const unit = { containers, command: argumentsOf(start), ...process }
    return { program: undefined, unitFile: facts => containerUnit(unit, facts) }
  })
  const supervisor = systemd({
    app,
    layout,
    slots,
    processes,
    startable: slot => sh.read`
if [ -f ${`${layout.slot(slot.name).current}/image/manifest.json`} ]; then exit 0; fi
echo 'its release has no image'
exit 1`,
    unitFile: serves
      ? facts => containerUnit({ containers, command: argumentsOf(start), ...settings }, facts)
      : undefined,
    ...(engine === 'docker' && serves && { mainPid: slot => containerPid(containers, slot) }),
  })
  const base = supervised(context, {
    supervisor,
    stopLimit,
    stopSignal,
    others: Object.fromEntries(processes.map(process => [process.name, process])),
    before: (release, slot) =>
      sh.lines(assertStartable(layout, release, slot), loadImage(containers, slot, release.dir)),
    advice: ADVICE,
  })
  const hook = (task: 'promoted' | 'demoted', command = settings[task]) =>
    command === undefined
      ? undefined
      : (slot: Slot) =>
          runInContainer(containers, slot, {
            folder: layout.slot(slot.name).current,
            task,
            command: argumentsOf(command),
          })

  return {
    ...base,

    obtain: (release, slot) => obtained(context, containers, release, slot),

    ...(!serves && { serves }),

    ...(demote !== undefined && { demotes: demote }),

    ...hooksOf(context, {
      pid: supervisor.pid,
      limit: hookLimit,
      before: OWN_PATH,
      commands: { promoted: hook('promoted'), demoted: hook('demoted') },
    }),

    environment: slot => ({
      ...listenVariables(slot),
      SWITCHYARD_SLOT: slot.name,
    }),

    exec: (slot, command) => execInContainer(containers, slot, command),

    sweep: all => sweepImages(containers, all ? '/nowhere' : layout.releases),

    ...(migrate !== undefined && {
      migrate(release, slot) {
        const command = runInContainer(containers, slot, {
          folder: release.dir,
          task: 'migrate',
          command: argumentsOf(migrate),
        })
        const script = migration({ layout, release, slot, limit: migrateLimit, before: OWN_PATH, command })
        return migrationQuery(context, { release, slot, limit: migrateLimit, script })
      },
    }),

    ...(console !== undefined && {
      console: slot =>
        sh.lines(
          sh.read`set -eu
if ! [ -t 0 ]; then echo 'The console needs a terminal.' >&2; exit 2; fi`,
          execInContainer(containers, slot, argumentsOf(console)),
        ).text,
    }),

    provision(facts) {
      const provision = base.provision(facts)
      const { apply } = provision
      return engine === 'docker'
        ? {
            ...provision,
            tools: { ...provision.tools, docker: 'docker.io' },
            groups: ['docker'],
            notes: [groupNote(facts.user)],
          }
        : {
            ...provision,
            tools: { ...provision.tools, podman: 'podman', crun: 'crun', newuidmap: 'uidmap' },
            // Keeps the account's runtime folder, in which Podman has its state, while nobody is logged in. Others may rely on it, so `remove` keeps it.
            apply: [...apply, sh.write`/usr/bin/loginctl enable-linger ${facts.user}`],
            unapply: apply,
          }
    },
  }
}

/** The application's PATH is that inside of the container. */
const OWN_PATH = sh.read`export PATH=/usr/local/bin:/usr/bin:/bin`

const groupNote = (user: string): string =>
  `Once, as root, unless \`id ${user}\` lists the group: \`usermod -aG docker ${user}\`. The group is as powerful as root.`
