/** Resolves a project for `task config`. */

import {
  foldersOf,
  healthShown,
  type PluginConfig,
  type ProjectConfig,
  settingsShown,
  variablesOfFile,
  variablesOfSlot,
} from '../slots/config/config.ts'
import type { Plugin } from '../slots/contracts.ts'
import type { Environment } from '../slots/environment/environment.ts'
import { healthOf } from '../slots/health/health.ts'
import type { CreatedPlugins, Project } from './session.ts'

/** The environment file of a project. */
interface EnvironmentSource {
  /** As the Taskfile names it. */
  readonly file: string
  readonly plain?: readonly string[]
  /** Why it cannot be read. */
  readonly problem: string | undefined
  readonly values: Environment
}

export async function projectConfig<S extends string>(
  { app, host, layout, slots, build, runtime, router, health, probe }: Project<S>,
  created: CreatedPlugins,
  env: EnvironmentSource | undefined,
): Promise<ProjectConfig> {
  const settingsOf = ({ name, settings }: Plugin<unknown>): PluginConfig => ({
    plugin: name,
    settings: settings ? settingsShown(settings(created.plugin)) : null,
  })
  return {
    app,
    host: { name: host.name, endpoint: (await host.endpoint?.()) ?? null },
    folders: foldersOf(layout),
    shared: layout.shared.paths,
    slots: slots.all.map(slot => ({
      name: slot.name,
      port: slot.port,
      variables: variablesOfSlot(slot, created.runtime.environment(slot)),
    })),
    build: settingsOf(build),
    runtime: settingsOf(runtime),
    router: settingsOf(router),
    health: healthShown(healthOf(health, created.router.site)),
    probe: probe ?? false,
    environment: env
      ? { file: env.file, problem: env.problem ?? null, variables: variablesOfFile(env.values, env.plain) }
      : null,
  }
}
