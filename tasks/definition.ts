/** What a project is made of, and the rules for its options. */
import { isTransport, type Transport } from '../host/host.ts'
import {
  either,
  expecting,
  type Fields,
  fields,
  list,
  oneOf,
  optional,
  type Rule,
  record,
  text,
  thing,
  type Wrong,
} from '../runner/taskfile/shape.ts'
import type { Accessories } from '../slots/bootstrap/accessories.ts'
import type { BuildSource, Plugin, Router, Runtime } from '../slots/contracts.ts'
import { type EnvironmentSource, isSource } from '../slots/environment/source.ts'
import { WEB_ROLE } from '../slots/fleet/role-route.ts'
import { healthRules } from '../slots/health/setting.ts'
import type { HealthCheck } from '../slots/model.ts'
import type { Notifier } from '../slots/notify/notifier.ts'
import { type ProbeSetting, probeRules } from '../slots/promote/probe-setting.ts'
import type { SharedEntry, SharedFile } from '../slots/shared.ts'
import { type SlotSpec, slotRules } from '../slots/slot.ts'

/** The one machine of a project, or several. */
type Machines =
  | { readonly host: Transport; readonly hosts?: undefined }
  | { readonly host?: undefined; readonly hosts: readonly Transport[] | HostRoles }

/** The machines of a project by their role. Those of another role than `web` have no router, and run the processes that name their role. */
export interface HostRoles {
  readonly web: readonly Transport[]
  readonly [role: string]: readonly Transport[]
}

export type ProjectDefinition<
  S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
> = ProjectOptions<S, B, R, U> & Machines

interface ProjectOptions<
  S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
> {
  /** The name of the application, used for its folder, its units and its site. */
  readonly app: string
  /** The machine that it runs on. @example ssh('deploy@web-1') */
  readonly host?: Transport | undefined
  /**
   * The machines that it runs on, in place of `host`. Each has all of the application, with both slots, and they switch together or not at all. By role, the
   * `web` hosts have the router and serve requests; the others run the processes of `service()` or `container()` that name their role.
   *
   * @example [ssh('deploy@web-1'), ssh('deploy@web-2')]
   * @example { web: [ssh('deploy@web-1'), ssh('deploy@web-2')], worker: [ssh('deploy@jobs-1')] }
   */
  readonly hosts?: readonly Transport[] | HostRoles | undefined
  /**
   * How several hosts switch: all at one moment, or `rolling`, in batches of one host, or of as many as `--limit` says. A batch begins once the one before has
   * proven its switch, and if one fails, all go back. Meanwhile the hosts serve two releases. Behind a balancer a batch is its hosts' share of the traffic,
   * which needs `canary: true` on the router.
   *
   * @default 'together'
   */
  readonly strategy?: 'together' | 'rolling'
  /** What makes the release. @example git({ build: docker() }) */
  readonly build: B
  /** What starts, stops and inspects the process of a slot. @example beam() */
  readonly runtime: U
  /** What sends the traffic to a slot. @example nginx({ site: 'life.example' }) */
  readonly router: R
  /** The two slots by name. @example { blue: { port: 4000 }, green: { port: 5000 } } */
  readonly slots: S
  /** The application's folder on the host. @default `/srv/<app>` */
  readonly root?: string
  /**
   * Folders and files of a release that outlive it, such as `storage` or `priv/uploads`. The application must write its data there, because a release is
   * read-only. Each becomes a link to `<root>/shared/<path>`, which is created once: with what the artifact has at the path, or as an empty folder. One that
   * the artifact does not have and that is a file has to be named as one, such as `{ file: '.htpasswd' }`, and is created as an empty file that its owner
   * alone can read.
   *
   * @default []
   * @example ['storage', 'public/uploads', { file: 'db/production.sqlite3' }]
   */
  readonly shared?: readonly SharedEntry[]
  /**
   * Debian packages that the application needs on its host, such as its language or `ffmpeg`. `task bootstrap` installs them; nothing else uses the list.
   *
   * @default []
   * @example ['nodejs', 'imagemagick']
   */
  readonly packages?: readonly string[]
  /**
   * Databases of the distribution on the application's host, which listen on loopback. `task bootstrap` installs them, and creates a database and its role;
   * `--write-env` writes `DATABASE_URL`, with a random password, and `REDIS_URL` into the environment file of this machine.
   *
   * @default none
   * @example { postgres: { database: 'life' }, redis: true }
   */
  readonly accessories?: Accessories
  /**
   * The application's variables: its environment file, relative to the Taskfile, or several sources, of which a later one overrides an earlier one. The
   * values are passed to the slots and redacted in all output. A source such as `onePassword()` is asked only by commands that need the variables.
   * @example { file: '.env.production', plain: ['STRIPE_MODE'] }
   * @example [file('.env.production'), onePassword({ item: 'life' }), fromProcess(['RELEASE_TOKEN'])]
   */
  readonly env?: EnvironmentEntry | readonly EnvironmentEntry[]
  /**
   * Who is told how a deploy, a promote, a rollback or a restart ended. Takes at most five seconds, and never makes a command fail.
   *
   * @default nobody
   * @example [slack({ url: env.SLACK_URL })]
   */
  readonly notify?: readonly Notifier[]
  /** What makes a release healthy. @default 200 from `/health`, with the version of the release */
  readonly health?: HealthCheck
  /** How a promote probes the site during the switch; `false` turns that off. @default the health path, 40 requests per second of each kind */
  readonly probe?: ProbeSetting | false
}

/** A file by its name, or a source. */
export type EnvironmentEntry = string | EnvironmentFile | EnvironmentSource

export interface EnvironmentFile {
  /** Relative to the Taskfile. */
  readonly file: string
  /** Names of variables whose values are not secret, so they are not redacted. */
  readonly plain?: readonly string[]
}

const pluginOf = <T>(kind: Exclude<Plugin<T>['kind'], undefined>, examples: string): Rule<Plugin<T>> => {
  const fits = (value: unknown) => isPlugin(value) && (value.kind ?? kind) === kind
  return thing(`a plugin that is a ${kind === 'build' ? 'build source' : kind}, such as ${examples}`, fits)
}

const isPlugin = (value: unknown): value is Plugin<unknown> =>
  typeof value === 'object' && value !== null && 'create' in value && typeof value.create === 'function'

const isNotifier = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function'

const ENVIRONMENT =
  'the name of a file, `{ file, plain: [...] }` with the names of variables that are not secret, a source such as `fromProcess([...])`, or a list of these'

const entry: Rule<EnvironmentEntry> = either(
  either(text, thing<EnvironmentSource>('a source such as `sops("secrets.enc.yaml")`', isSource)),
  fields<EnvironmentFile>({ file: text, plain: optional(list(text)) }),
)
const entries: Rule<readonly EnvironmentEntry[]> = list(entry)
// By the kind of the value, so that a problem within it has its place.
const environment: Rule<EnvironmentEntry | readonly EnvironmentEntry[]> = expecting(ENVIRONMENT, {
  expected: ENVIRONMENT,
  check: value => (Array.isArray(value) ? entries : entry).check(value),
})

/** The definition of any project, or of one of its destinations. */
export type AnyDefinition = ProjectOptions<
  Record<string, SlotSpec>,
  Plugin<BuildSource>,
  Plugin<Router>,
  Plugin<Runtime>
>

const machine = thing<Transport>('a machine, such as `ssh("deploy@web-1")` or `local()`', isTransport)

const MACHINES =
  'a list of machines, or lists of them by role, such as `{ web: [ssh("deploy@web-1")], worker: [ssh("deploy@jobs-1")] }`'
const listed = list(machine)
const byRole = record(listed)
// By the kind of the value, so that a problem within it has its place.
const machines: Rule<readonly Transport[] | HostRoles> = expecting(MACHINES, {
  expected: MACHINES,
  check: value => (Array.isArray(value) ? listed : byRole).check(value),
})

const sharedEntry: Rule<SharedEntry> = either(
  text,
  fields<SharedFile>({ file: text }),
  "the path of a folder, or a file such as `{ file: '.htpasswd' }`",
)

export const OPTIONS: Fields<AnyDefinition> = {
  app: text,
  host: optional(machine),
  hosts: optional(machines),
  strategy: optional(oneOf('together', 'rolling')),
  build: pluginOf('build', '`docker()`, `command({ run })`, `tarball({ path })` or `git({ ref })`'),
  runtime: pluginOf('runtime', '`beam()`'),
  router: pluginOf('router', '`nginx({ site })`'),
  slots: slotRules,
  root: optional(text),
  shared: optional(list(sharedEntry)),
  packages: optional(list(text)),
  accessories: optional(
    fields<Accessories>({
      postgres: optional(
        either(
          oneOf(true),
          fields<{ readonly database?: string }>({ database: optional(text) }),
          'true or `{ database }`',
        ),
      ),
      redis: optional(oneOf(true)),
    }),
  ),
  env: optional(environment),
  notify: optional(list(thing<Notifier>('a notifier, such as `slack({ url })`', isNotifier))),
  health: optional(healthRules),
  probe: optional(either(oneOf(false), probeRules, 'an object with its options, or false')),
}

const complete = fields<AnyDefinition>(OPTIONS)
export const RULES: typeof complete = {
  ...complete,
  check: value =>
    complete.check(value) ??
    homeless(value as AnyDefinition) ??
    unfit(value as AnyDefinition) ??
    unmanned(value as AnyDefinition),
}

/** The machines of a project, in the order of the Taskfile. */
export const hostsOf = ({ host, hosts }: Pick<AnyDefinition, 'host' | 'hosts'>): readonly Transport[] =>
  hosts ? (isListed(hosts) ? hosts : Object.values(rolesOf(hosts) ?? {}).flat()) : host ? [host] : []

/** The machines by role, those of `web` first; undefined for a list. */
export function rolesOf(hosts: AnyDefinition['hosts']): HostRoles | undefined {
  if (!hosts || isListed(hosts)) return undefined
  const { web, ...others } = hosts
  return { web, ...others }
}

const isListed = (hosts: readonly Transport[] | HostRoles): hosts is readonly Transport[] => Array.isArray(hosts)

const MISSING: Wrong = { path: ['host'], expected: machine.expected }

/** The problem with the machines: there has to be one, and none twice. */
function homeless({ host, hosts }: AnyDefinition): Wrong | undefined {
  if (host && hosts) return { path: ['hosts'], got: 'given beside `host`', expected: 'the only one of the two' }
  if (!hosts) return host ? undefined : MISSING
  const roles = rolesOf(hosts)
  const [unnamed] = Object.keys(roles ?? {}).filter(role => !ROLE.test(role))
  if (unnamed !== undefined) return { path: ['hosts', unnamed], got: 'called that', expected: ROLES }
  const [empty] = Object.entries(roles ?? {}).find(([, machines]) => !machines?.length) ?? []
  if (empty !== undefined)
    return { path: ['hosts', empty], ...(roles?.[empty] && { got: 'an empty list' }), expected: listed.expected }
  const names = hostsOf({ hosts }).map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    return { path: ['hosts'], got: `a list with ${twice} twice`, expected: 'a list of different machines' }
  if (names.length === 0) return { path: ['hosts'], got: 'an empty list', expected: 'a list with at least one machine' }
  return undefined
}

const ROLE = /^[a-z][a-z0-9_-]*$/
const ROLES = 'a name of lower-case letters, digits, underscores and hyphens'

/** The problem with roles: each but `web` needs a process, and each process a host. */
function unmanned({ hosts, runtime }: AnyDefinition): Wrong | undefined {
  const roles = rolesOf(hosts)
  if (!roles) return undefined
  const { roles: manned = [], name } = runtime
  const idle = Object.keys(roles).find(role => role !== WEB_ROLE && !manned.includes(role))
  if (idle !== undefined)
    return {
      path: ['hosts', idle],
      got: `a role that no process of \`${name}()\` has`,
      expected: `the role of a process, as in \`service({ processes: { jobs: { start: 'bin/jobs', role: '${idle}' } } })\``,
    }
  const homeless = manned.find(role => !Object.hasOwn(roles, role))
  if (homeless === undefined) return undefined
  return { path: ['hosts', homeless], expected: `${listed.expected}, because a process has this role` }
}

/** The problem with a router that the runtime cannot work with. */
function unfit({ runtime, router }: AnyDefinition): Wrong | undefined {
  const { name, routers } = runtime
  if (routers === undefined) return undefined
  if (router.on)
    return {
      path: ['router'],
      got: 'on a host of its own',
      expected: `on the host of the slots that it serves, as \`${name}()\` needs`,
    }
  if (routers.includes(router.name)) return undefined
  const expected = `${routers.map(known => `\`${known}()\``).join(' or ')}, which serves the slots of the runtime \`${name}()\``
  return { path: ['router'], got: `\`${router.name}()\``, expected }
}
