/** What a run gets: the definition of its project, the created plugins, and how it was called. */
import type { Transport } from '../host/host.ts'
import type { RunSetting } from '../runner/task.ts'
import type { ProjectConfig } from '../slots/config/config.ts'
import type { BuildSource, Plugin, PluginContext, Router, Runtime } from '../slots/contracts.ts'
import type { Environment } from '../slots/environment/environment.ts'
import type { Layout } from '../slots/layout.ts'
import type { HealthCheck } from '../slots/model.ts'
import type { Notification, Notifier } from '../slots/notify/notifier.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import type { Slots } from '../slots/slot.ts'

/** The project definition of a Taskfile, validated and with defaults. */
export interface Project<S extends string> {
  readonly app: string
  /** Where to, if the project has destinations. */
  readonly destination: string | undefined
  /** Those of this run; at least one. */
  readonly hosts: readonly Transport[]
  /** The names of all hosts, in the order of the Taskfile. */
  readonly machines: readonly string[]
  /** The role of each host by its name; empty if the hosts have none. */
  readonly roles: ReadonlyMap<string, string>
  /** How they switch. */
  readonly strategy?: 'together' | 'rolling' | undefined
  /** Those that this run leaves out for longer. */
  readonly leaves: readonly string[]
  readonly layout: Layout
  readonly slots: Slots<S>
  readonly build: Plugin<BuildSource>
  readonly runtime: Plugin<Runtime>
  readonly router: Plugin<Router>
  readonly health: HealthCheck | undefined
  readonly probe: Probing | undefined
  readonly notify: readonly Notifier[]
  /** What `bootstrap` installs for the application: Debian packages, and databases for people. */
  readonly packages: readonly string[]
  readonly databases: readonly string[]
}

/** The plugins that tell about themselves without contacting a host, with the context that they were created with. */
export interface CreatedPlugins {
  readonly plugin: PluginContext
  readonly runtime: Runtime
  readonly router: Router
}

export interface SessionSetting extends RunSetting {
  /** The variables of the project. @throws ENV_NOT_READ if the run did not ask for them */
  environment(): Environment
  /** What the Taskfile resolves to. */
  config(plugins: CreatedPlugins): Promise<ProjectConfig>
  /** Log in as this user instead of the one in the Taskfile. */
  readonly login: string | undefined
  /** The run uploads a release, so the connection is opened while the build is running. */
  readonly uploads: boolean
  /** The run is for hosts that serve the same, which is then found out while the build is running. */
  readonly agrees: boolean
  /** What notifications are sent about, if anything. */
  readonly event: Notification['event'] | undefined
}
