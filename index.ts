/** The public API, for Taskfiles and plugins. Pinned by a test. */

export type {
  CopiedFolder,
  CopyOptions,
  GetOptions,
  Host,
  HostSetting,
  ListedFile,
  Pipeline,
  PutOptions,
  RemoteProcess,
  Transport,
} from './host/host.ts'
export { local } from './host/local.ts'
export { program } from './host/program.ts'
export {
  type AnyQuery,
  type Asked,
  capture,
  caught,
  commandFailed,
  group,
  perform,
  type Query,
  succeeds,
} from './host/query.ts'
export { type Output, quote, type RunOptions, type Script, sh } from './host/script.ts'
export { type SshOptions, ssh } from './host/ssh/transport.ts'
export { asRoot, readAsRoot } from './host/sudo.ts'
export { byCommand } from './plugins/notify/by-command.ts'
export { discord, type JsonWebhookOptions, slack, teams, type WebhookOptions, webhook } from './plugins/notify/chats.ts'
export { type CaddyOptions, caddy } from './plugins/router/caddy/caddy.ts'
export { type HaproxyOptions, haproxy } from './plugins/router/haproxy/haproxy.ts'
export { liveLink } from './plugins/router/live-link.ts'
export { type NginxOptions, nginx } from './plugins/router/nginx/nginx.ts'
export { type SiteAccess, siteQueries } from './plugins/router/site-queries.ts'
export { type BeamOptions, beam } from './plugins/runtime/beam/beam.ts'
export { container } from './plugins/runtime/container/container.ts'
export type { ContainerOptions } from './plugins/runtime/container/options.ts'
export { type FilesOptions, files } from './plugins/runtime/files/files.ts'
export { type PhpOptions, php } from './plugins/runtime/php/php.ts'
export type { ServiceProcess } from './plugins/runtime/service/processes.ts'
export { type ServiceOptions, service } from './plugins/runtime/service/service.ts'
export {
  type BitwardenItem,
  type BitwardenOptions,
  type BitwardenProject,
  bitwarden,
} from './plugins/secrets/bitwarden.ts'
export {
  type AwsOptions,
  type AwsParameters,
  type AwsSecret,
  aws,
  type GcpOptions,
  gcp,
} from './plugins/secrets/clouds.ts'
export { type AgeOptions, age, sops } from './plugins/secrets/encrypted-files.ts'
export { type OnePasswordOptions, onePassword } from './plugins/secrets/one-password.ts'
export { pass } from './plugins/secrets/pass.ts'
export { type VaultOptions, vault } from './plugins/secrets/vault.ts'
export { type GithubOptions, type GitlabOptions, github, gitlab } from './plugins/source/ci.ts'
export { type CommandOptions, command } from './plugins/source/command.ts'
export { type DockerOptions, docker } from './plugins/source/docker.ts'
export { type GitOptions, git } from './plugins/source/git.ts'
export { type ImageOptions, image } from './plugins/source/image.ts'
export { type TarballOptions, tarball } from './plugins/source/tarball.ts'
export { arg } from './runner/cli/args.ts'
export { Fault, fault, pluginCatalogue as catalogue } from './runner/fault.ts'
export { type AnyTask, type Arg, type Around, definer, type Shell, type Task, type TaskContext } from './runner/task.ts'
export type {
  Answer,
  Artifact,
  BuildSource,
  Canary,
  Hooks,
  HostFacts,
  HostFile,
  HostFolder,
  LogFilter,
  LogLine,
  LogPage,
  LogStream,
  Obsolete,
  OutsideAnswer,
  Plugin,
  PluginContext,
  Preparation,
  Provision,
  PublicAnswer,
  RegistryLogin,
  Release,
  Route,
  Router,
  RouterPlace,
  Runtime,
  SiteMaintenance,
  Slot,
  SlotLog,
  SlotProcess,
  Stopped,
  Verification,
  VerifyLimits,
} from './slots/contracts.ts'
export {
  type EnvironmentSource,
  file,
  fromProcess,
  type PlainOptions,
  type Reading,
} from './slots/environment/source.ts'
export type { HealthCheck } from './slots/model.ts'
export type { Notification, Notifier, NotifierOptions } from './slots/notify/notifier.ts'
export type { ProbeSetting } from './slots/promote/probe-setting.ts'
export type { SharedEntry, SharedFile } from './slots/shared.ts'
export type { SlotSpec } from './slots/slot.ts'
export { type Refusal, sudoRefusal } from './slots/sudo/refusal.ts'
export type { SwarmContext } from './swarm/context.ts'
export type { SwarmDefinition, SwarmSlotSpec } from './swarm/definition.ts'
export { swarm } from './swarm/swarm.ts'
export type { Context } from './tasks/context.ts'
export type { EnvironmentEntry, EnvironmentFile, ProjectDefinition } from './tasks/definition.ts'
export type { DestinationOptions } from './tasks/destinations.ts'
export { project } from './tasks/project.ts'

/**
 * The environment of this process.
 *
 * @example ssh(env.HOST ?? 'deploy@web-1')
 */
export const env: Readonly<Record<string, string | undefined>> = process.env
