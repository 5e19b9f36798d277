/** A run on a swarm: the connection to its manager, its lock, and the connection to its routers. */
import { dryHost } from '../host/dry-run.ts'
import type { Host } from '../host/host.ts'
import type { OpenScope, RunSetting, TaskContext } from '../runner/task.ts'
import type { BuildSource, Plugin, PluginContext } from '../slots/contracts.ts'
import type { Environment } from '../slots/environment/environment.ts'
import type { ReadSource } from '../slots/environment/source.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import { layout } from '../slots/layout.ts'
import { causeOf, type Lock } from '../slots/lock/lock.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import { progress } from '../slots/upload/progress.ts'
import { readCluster } from './cluster.ts'
import { swarmConfig } from './config.ts'
import type { SwarmContext } from './context.ts'
import type { AnySwarmDefinition } from './definition.ts'
import { engineGuard, takeEngineLock } from './lock.ts'
import { askManager, managersOf, openManager } from './manager.ts'
import { namesOf } from './names.ts'
import { assertAttachable, type Control, openControl, placedRouters } from './router/control.ts'
import { REPLICAS, taskVariables } from './service.ts'

/** HAProxy 3.0 is supported for years, and its image has bash. */
const ROUTER_IMAGE = 'haproxy:3.0'

/** A swarm's definition, validated. */
export interface Swarm extends Pick<SwarmContext, 'health' | 'probe' | 'slots'> {
  readonly definition: AnySwarmDefinition
  readonly probe: Probing | undefined
}

export interface SwarmSetting extends RunSetting {
  /** The variables of the Taskfile. @throws ENV_NOT_READ if the run did not ask for them */
  environment(): Environment
  /** The sources of the variables. */
  readonly sources: readonly ReadSource[]
  /** The run contacts no machine, so no manager is asked whether it answers. */
  readonly offline: boolean
}

export async function openSwarm({ definition, health, probe, slots }: Swarm, run: SwarmSetting): Promise<OpenScope> {
  const { app } = definition
  const managers = managersOf(definition)
  const deploy = { ...newDeploy(whoami(process.env)), command: run.command }
  let lock: Lock | undefined
  // Writes after an abort undo the changes of this run.
  const guard = engineGuard(
    app,
    () => host?.name ?? '',
    deploy,
    () => lock,
    () => run.signal.aborted,
  )
  let { host, passed } = await openManager(run.offline ? managers.slice(0, 1) : managers, { ...run, guard })
  const routerImage = definition.router.image ?? ROUTER_IMAGE
  let control: { readonly key: string; readonly open: Promise<Control>; ended: boolean } | undefined

  const context = (task: TaskContext): SwarmContext => {
    // What a frozen run would say of the swarm may no longer be so.
    if (!run.signal.aborted && lock?.expired()) lock.check()
    const logging: Host = {
      ...host,
      put: (local, remote, options) => host.put(local, remote, { onProgress: progress(task.log), ...options }),
    }
    const ofStep = task.dryRun ? dryHost(host, task.log) : logging
    for (const { message } of passed) task.log(`${host.name} is asked instead: ${message}`)
    passed = []
    return {
      app,
      names: namesOf(app),
      definition,
      health,
      probe,
      routerImage,
      slots,
      folder: run.folder,
      host: ofStep,
      setting: run,
      deploy,
      redact: run.redact,
      async anew() {
        const answers = await host.query(askManager()).then(
          () => true,
          error => {
            if (managers.length === 1) throw error
            return false
          },
        )
        if (answers) return context(task)
        await control?.open.then(close, () => undefined)
        control = undefined
        const lost = host
        ;({ host, passed } = await openManager(managers, { ...run, guard }))
        await lost[Symbol.asyncDispose]()
        if (lock) lock = await takeEngineLock(host, app, deploy, run.command)
        return context(task)
      },
      async takeLock(wait) {
        if (task.dryRun || lock) return
        lock = await takeEngineLock(host, app, deploy, run.command, wait)
      },
      cluster: () => ofStep.query(readCluster(app)),
      async control(cluster) {
        assertAttachable(cluster)
        const placed = placedRouters(cluster)
        const key = placed.map(({ node, address }) => `${node.name}=${address}`).join(' ')
        if (control?.key === key && !control.ended) return control.open
        await control?.open.then(close, () => undefined)
        // On the host itself: a dry run asks the routers, too.
        const opening = { key, open: openControl(host, app, routerImage, placed), ended: false }
        control = opening
        const end = () => {
          opening.ended = true
        }
        opening.open.then(({ ended }) => ended.then(end), end)
        return opening.open
      },
      variables: slot => ({
        ...run.environment(),
        ...taskVariables(definition, slot),
        ...definition.slots[slot]?.env,
      }),
      config: () =>
        swarmConfig(
          { definition, health, probe, slots, replicas: definition.replicas ?? REPLICAS, routerImage },
          run.sources,
        ),
      build: () => buildSource(definition.image).create(pluginContext(task)).build(),
    }
  }

  /** A build source of a host's project, which has a layout that no image needs. */
  const pluginContext = (task: TaskContext): PluginContext => ({
    ...task,
    app,
    folder: run.folder,
    host: host.name,
    layout: layout(`/srv/${app}`, []),
    slots: [],
  })

  return {
    context,
    causeOf: error => causeOf(error, [lock], run.signal),
    traffic: () => host.traffic?.(),
    async [Symbol.asyncDispose]() {
      await control?.open.then(close, () => undefined)
      await lock?.[Symbol.asyncDispose]()
      await host[Symbol.asyncDispose]()
    },
  }
}

const close = (control: AsyncDisposable) => control[Symbol.asyncDispose]()

function buildSource(image: AnySwarmDefinition['image']): Plugin<BuildSource> {
  if ('create' in image) return image
  throw new TypeError('an image that a registry has is not built')
}
