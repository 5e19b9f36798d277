/** What a Taskfile with `swarm()` resolves to, for `task config`. Contains no value that may be secret. */
import type { Endpoint } from '../host/host.ts'
import { table } from '../runner/output/table.ts'
import {
  environmentShown,
  type ProjectConfig,
  settingsShown,
  type Variable,
  variablesOfSlot,
} from '../slots/config/config.ts'
import { environmentSection, probeSection, type Row, rowsOf, section, slotSection } from '../slots/config/table.ts'
import type { ReadSource } from '../slots/environment/source.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import type { AnySwarmDefinition } from './definition.ts'
import { managersOf } from './manager.ts'
import { taskVariables } from './service.ts'

/** The options that are shown as they are, with their defaults. */
type Settings = Readonly<Record<string, unknown>>

export interface SwarmConfig {
  readonly app: string
  /** `endpoint` is `null` if there is nothing to connect to. */
  readonly managers: readonly { readonly name: string; readonly endpoint: Endpoint | null }[]
  readonly image: Settings
  /** `null`: the image is sent to each node. */
  readonly registry: string | null
  readonly router: Settings
  readonly tasks: Settings
  readonly health: Settings
  /** `false` if the Taskfile turns the probes off. */
  readonly probe: ProjectConfig['probe']
  readonly slots: readonly { readonly name: string; readonly variables: readonly Variable[] }[]
  readonly environment: ProjectConfig['environment']
}

interface Configured {
  readonly definition: AnySwarmDefinition
  readonly health: object
  readonly probe: Probing | undefined
  readonly slots: readonly string[]
  readonly replicas: number
  readonly routerImage: string
}

export async function swarmConfig(swarm: Configured, env: readonly ReadSource[]): Promise<SwarmConfig> {
  const { definition, health, probe, slots, replicas, routerImage } = swarm
  const { app, image, registry, router, port, start, migrate, console } = definition
  const { limits, networks, constraints, spread, secrets } = definition
  return {
    app,
    managers: await Promise.all(
      managersOf(definition).map(async manager => ({
        name: manager.name,
        endpoint: (await manager.endpoint?.()) ?? null,
      })),
    ),
    image: 'create' in image ? settingsShown(image.settings?.({ app } as never) ?? {}) : { ...image },
    registry: registry ?? null,
    router: { image: routerImage, port: router.port },
    tasks: settingsShown({ replicas, port, start, migrate, console, limits, networks, constraints, spread, secrets }),
    health: { ...health, ...(definition.health?.command !== undefined && { command: definition.health.command }) },
    probe: probe ? { ...probe } : false,
    slots: slots.map(name => ({
      name,
      variables: variablesOfSlot({ env: definition.slots[name]?.env ?? {} }, taskVariables(definition, name)),
    })),
    environment: environmentShown(env),
  }
}

/** One section per part, with its settings indented below it. */
export function swarmConfigTable(config: SwarmConfig, columns?: number): string {
  const { app, managers, image, registry, router, tasks, health, probe, slots, environment } = config
  const rows: readonly Row[] = [
    ['application', app],
    ...managers.flatMap(({ name, endpoint }) => section('manager', name, rowsOf({ ...endpoint }))),
    ...section('image', '', rowsOf(image)),
    ['registry', registry ?? 'none: the image is sent to each node'],
    ...section('router', '', rowsOf(router)),
    ...section('tasks', '', rowsOf(tasks)),
    ...section('health check', '', rowsOf(health)),
    ...probeSection(probe),
    ...slots.flatMap(({ name, variables }) => slotSection(name, '', variables)),
    ...environmentSection(environment),
  ]
  return table(rows, { columns })
}
