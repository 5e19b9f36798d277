/** Resolves a project for `task config`. */

import {
  environmentShown,
  foldersOf,
  healthShown,
  type PluginConfig,
  type ProjectConfig,
  settingsShown,
  variablesOfSlot,
} from '../slots/config/config.ts'
import type { Plugin } from '../slots/contracts.ts'
import type { ReadSource } from '../slots/environment/source.ts'
import { healthOf } from '../slots/health/setting.ts'
import type { CreatedPlugins, Project } from './run-setting.ts'

export async function projectConfig<S extends string>(
  project: Project<S>,
  created: CreatedPlugins,
  env: readonly ReadSource[],
): Promise<ProjectConfig> {
  const { app, destination, hosts, roles, strategy, layout, slots, build, runtime, router, health, probe } = project
  const notifiers = project.notify.map(({ name }) => name)
  const settingsOf = ({ name, settings }: Plugin<unknown>): PluginConfig => ({
    plugin: name,
    settings: settings ? settingsShown(settings(created.plugin)) : null,
  })
  return {
    app,
    ...(destination !== undefined && { destination }),
    hosts: await Promise.all(
      hosts.map(async host => ({
        name: host.name,
        endpoint: (await host.endpoint?.()) ?? null,
        ...(roles.has(host.name) && { role: roles.get(host.name) }),
      })),
    ),
    ...(strategy === 'rolling' && { strategy }),
    ...(router.on && {
      balancer: {
        name: router.on.host.name,
        endpoint: (await router.on.host.endpoint?.()) ?? null,
        upstream: router.on.upstream,
      },
    }),
    folders: foldersOf(layout),
    shared: layout.shared.entries.map(({ path, kind }) => (kind === 'file' ? { file: path } : path)),
    ...(project.packages.length > 0 && { packages: project.packages }),
    ...(project.databases.length > 0 && { databases: project.databases }),
    ...(notifiers.length > 0 && { notify: notifiers }),
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
    environment: environmentShown(env),
  }
}
