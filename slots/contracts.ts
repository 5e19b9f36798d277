/**
 * The plugin contracts: build sources, runtimes and routers. Each contract has a test suite in `test/contract/` that accepts any implementation and
 * verifies the statements in these comments.
 *
 * A runtime and a router never contact a host themselves. Their methods return a `Query` (a script and how to read its output), and the caller decides
 * when it is sent and what it is batched with. "Resolves to", "rejects" and "throws" describe the outcome of that query.
 */
import type { Transport } from '../host/host.ts'
import type { Query } from '../host/query.ts'
import type { Script } from '../host/script.ts'
import type { Fault } from '../runner/fault.ts'
import type { TaskContext } from '../runner/task.ts'
import type { Layout } from './layout.ts'
import type { Tally } from './promote/tally.ts'

/** A named place on a host that runs one release. */
export interface Slot<Name extends string = string> {
  readonly name: Name
  /** The TCP port that the application listens on. */
  readonly port: number
  /**
   * The IP address that the application listens on. Set if the router runs on another host, and must reach the slot there.
   *
   * @default loopback
   */
  readonly address?: string
  /** The addresses at which a router on a host of its own finds this slot, if that is on several hosts; `address` is that of the host at hand. */
  readonly pool?: readonly string[]
  /** Environment variables of this slot only; they take precedence over the environment file. */
  readonly env: Readonly<Record<string, string>>
}

/** The result of a build: a `.tar.gz` on this machine. */
export interface Artifact {
  /** Absolute path on this machine. */
  readonly path: string
  readonly version: string
  /** SHA-256 of the file, 64 hex digits. */
  readonly sha256: string
  /** Source revision, such as a git commit, when known. */
  readonly revision?: string
}

/** An unpacked, immutable build on a host. */
export interface Release {
  /** `<version>-<first 7 digits of the sha256>`, also the name of its folder. */
  readonly name: string
  readonly version: string
  readonly sha256: string
  /** Absolute path on the host. */
  readonly dir: string
}

/** The context that a plugin is created with. Each step creates its own, so that a plugin's output appears below the step that called it. */
export interface PluginContext extends TaskContext {
  readonly app: string
  /** The folder of the Taskfile. */
  readonly folder: string
  /** The name of the host that the plugin's queries are sent to. */
  readonly host: string
  readonly layout: Layout
  readonly slots: readonly Slot[]
  /** The role of the host, if the hosts of the Taskfile have roles; a host without one runs all processes of a release. */
  readonly role?: string | undefined
  /** The name of the router's plugin, for a runtime whose slots its server serves. */
  readonly router?: string
  /** How the host logs in to the registry that has the image of the release, if the build source says so. */
  readonly login?: RegistryLogin | undefined
  /** Resolves to a version for an application whose files have none: that of the revision. Only in a build inside `git()`. */
  readonly revisionVersion?: () => Promise<string>
}

/** A named factory: `nginx({ site })` returns a `Plugin<Router>`. Creating one contacts no host. */
export interface Plugin<T> {
  readonly name: string
  /** Lets a Taskfile that uses the plugin in the wrong place be rejected. */
  readonly kind?: 'build' | 'runtime' | 'router'
  /** For a runtime that needs one of these routers: the names of their plugins. */
  readonly routers?: readonly string[]
  /** Set for a runtime that has `prepare` or `obtain`: a deploy then has a step for it. */
  readonly prepares?: boolean
  /** Of a build source whose releases name an image of a registry: how the hosts log in there. Its password is one of `secrets`. */
  readonly login?: RegistryLogin
  /**
   * For a runtime whose application runs as a system user of its own, and not as the deploying one: its name. `setup` creates it, and `layout.user` has it.
   */
  readonly user?: string
  /** For a runtime with processes for hosts of other roles than `web`: these roles. */
  readonly roles?: readonly string[]
  /** Set for a router that has the methods for a canary. */
  readonly canary?: boolean
  /** For a router on a host of its own. */
  readonly on?: RouterPlace
  /** Settings that appear in output, such as the site's name. They are not redacted, even if an environment variable has the same value. */
  readonly shown?: readonly string[]
  /** Settings that no output may contain, such as the hash of a password. */
  readonly secrets?: readonly string[]
  /**
   * The options with their defaults, for `task config`: no secrets. Contacts no host.
   *
   * @example settings: ({ app }) => ({ release: options.release ?? app })
   */
  settings?(context: Pick<PluginContext, 'app' | 'layout' | 'slots'>): Readonly<Record<string, unknown>>
  create(context: PluginContext): T
}

/** A login of a registry of images. */
export interface RegistryLogin {
  /** As in the names of its images, such as `registry.example:5000`. */
  readonly registry: string
  readonly user: string
  /** Undefined if its variable is not set in this run. */
  readonly password: string | undefined
}

/** Where a router runs, if it is not on the application's host. */
export interface RouterPlace {
  readonly host: Transport
  /** The IP address of the application's host that the router sends the requests to. The slots listen on it. With several hosts, that of the first. */
  readonly upstream: string
  /** The addresses of several hosts, in the order of the Taskfile. */
  readonly pool?: readonly string[]
}

export interface BuildSource {
  /** Builds the artifact. Leaves no other files behind, even if it fails or is interrupted. In a dry run it prints what it would do. */
  build(): Promise<Artifact>
}

/** The process of a slot, as reported by the runtime's supervisor. */
export interface SlotProcess {
  readonly state: 'running' | 'stopped' | 'failed'
  readonly pid?: number
  /** Seconds since its start. */
  readonly uptime?: number
  /** The names of the slot's other processes that should run and do not, such as `worker`. Missing if there are none. */
  readonly failed?: readonly string[]
}

/** What a release needs on a host before its first start, such as installed packages. */
export interface Preparation {
  /**
   * One simple command, such as `bash -c '...'`. Runs in the folder of the release, which can be written only meanwhile, as the deploying user and with the
   * environment of the slot that the release will start in. An artifact that is prepared by another command is another release.
   */
  readonly command: Script
  /** Seconds, after which it is ended. */
  readonly limit: number
}

/** Tells the application of a slot about a switch, for example so that it pauses its queues. Does nothing for a slot that is down. */
export interface Hooks {
  /** @throws Fault if the command fails or exceeds its limit */
  promoted?(slot: Slot): Query<void>
  /** For the slot that was live before; runs before `promoted` of the other slot. */
  demoted?(slot: Slot): Query<void>
}

export interface Runtime {
  /**
   * Set to false on a host whose role has no process that serves requests. A slot there uses no port and has no health path: it is fit if `complete` resolves,
   * `start` prepares its processes without starting one, and `promoted` starts all of them.
   */
  readonly serves?: false
  /** A release is prepared once, before the idle slot is stopped for it. One of this and `obtain` is set exactly if `Plugin.prepares` is. */
  readonly prepare?: Preparation
  /**
   * Brings to the host what a release needs outside of its folder, such as its image from a registry, before the idle slot is stopped for it; before each
   * start by a deploy, so it must be quick if nothing is missing. Resolves to what it did, in a few words.
   *
   * @throws Fault that says why it could not
   */
  obtain?(release: Release, slot: Slot): Query<string>
  /** The environment variables that this runtime sets for a slot: port, node name, temporary folder. Contacts no host. */
  environment(slot: Slot): Readonly<Record<string, string>>
  /**
   * Starts the release that the slot's `current` link points to, with the slot's `env` file. Resolves once the process exists, healthy or not.
   *
   * @throws Fault if the slot is already running or `current` points to another release; nothing is started then.
   */
  start(release: Release, slot: Slot): Query<void>
  /**
   * Stops the slot's process and resolves once it is gone; a slot that is already down is not an error. A process that exceeds the stop timeout is
   * killed, and the result says so.
   */
  stop(slot: Slot): Query<Stopped>
  process(slot: Slot): Query<SlotProcess>
  /** A script that prints the pid of the slot's process, or nothing if there is none. Used in scripts that wait for the process on the host. */
  pid(slot: Slot): Script
  /**
   * What completes the health check, once the health path answers. Resolves once each of the slot's other processes, beside the one that serves requests,
   * has run for a second, and the application itself says that it is ready. Missing for a runtime that has nothing to add.
   *
   * @throws Fault that names the first process that does not run, with the end of its log, or that says why the application is not ready
   */
  complete?(slot: Slot): Query<void>
  /**
   * Starts what runs only in the live slot, and resolves once it runs. Called when the traffic verifiably goes to the slot, before that is recorded, and
   * after `demoted` for the slot that was live before. May be called again for a slot that has all of it running.
   *
   * @throws Fault if it does not run; the traffic then goes back to the previous slot
   */
  promoted?(slot: Slot): Query<void>
  /**
   * Stops what runs only in the live slot, and resolves once it is gone; a slot without any of it is not an error. `next`: the slot that becomes live, or
   * undefined if none does. After a reboot what runs only in the live slot starts in the slot of the last `promoted`, until `next` is undefined.
   */
  demoted?(slot: Slot, next: Slot | undefined): Query<void>
  /**
   * When a promote calls `demoted` for the slot that was live: before the traffic moves, or after that was verified.
   *
   * @default 'after'
   */
  readonly demotes?: 'before' | 'after'
  /**
   * Commands of the application that run after a switch, once it is recorded, also after a rollback, and after an undo of a switch whose hooks had run. A
   * repair runs them again, so they must be idempotent. One that fails is reported; the switch stands.
   */
  readonly hooks?: Hooks
  /**
   * The systemd unit of a server that listens on the ports of all slots, whether they are up or not, such as `nginx.service` for a static site or for an
   * application on a unix socket. It answers nothing, or 503, for a slot that is down. Missing for an application whose port is free while its slot is down.
   */
  readonly server?: string
  /** Resolves to the last `lines` lines of the application's log. */
  log(slot: Slot, lines: number): Query<string>
  /**
   * The log of a slot over all its starts, as far as the host keeps it: what the application writes, and messages of its supervisor.
   *
   * @throws Fault with exit code 2 for `since`, if the log has no times
   */
  logs?(slot: Slot, filter: LogFilter): SlotLog
  /**
   * Runs the migrations of a release next to the running application. Resolves only if they ran to completion; an exit code of 0 is not enough, because
   * a program that was terminated can exit with 0 too.
   *
   * @throws Fault with the end of the output if they fail.
   */
  migrate?(release: Release, slot: Slot): Query<void>
  /**
   * The command line, for `Host.attach`, of an interactive console in the slot's running application, or in a separate process with the same release
   * and environment. Without a terminal it reports that it needs one and exits with 2.
   */
  console?(slot: Slot): string
  /**
   * A script that runs a command, given as a list of arguments, in the folder of the slot's release (for an image: in the working folder of that) and with
   * the slot's environment, whether the slot runs or not. It has the input, the output and the exit code of the command.
   */
  exec?(slot: Slot, command: readonly string[]): Script
  /** Evaluates an expression in the slot's running application and resolves to its output. */
  rpc?(slot: Slot, expression: string): Query<string>
  /**
   * A script that removes what the runtime keeps outside of the releases' folders, such as images, of releases that are no longer on the host; with `all`
   * of every release. Runs after releases were removed. Must leave what is in use, must not fail because of it, and prints nothing.
   */
  sweep?(all: boolean): Script
  /** What a host needs before the first start. Contacts no host. */
  provision(facts: HostFacts): Provision
}

/** Which lines of a log to read. */
export interface LogFilter {
  /** At most so many, the newest ones. Without it all. */
  readonly lines?: number | undefined
  /** Only lines since then, in milliseconds since 1970. */
  readonly since?: number | undefined
  /** Only lines that contain this text; the host compares. */
  readonly contains?: string | undefined
}

export interface LogLine {
  /** Milliseconds since 1970; undefined if the log has no times. */
  readonly time?: number
  readonly text: string
}

export interface SlotLog {
  /**
   * Resolves to the lines that the log has now.
   *
   * @throws Fault if the account may not read the log
   */
  readonly page: Query<LogPage>
  /** The lines after a page, while they are written: also over restarts, and while the slot is down. */
  follow(end: LogPage['end']): LogStream
}

export interface LogPage {
  /** Oldest first. */
  readonly lines: readonly LogLine[]
  /** The place in the log where the page ends; its form belongs to the runtime. */
  readonly end: string
}

export interface LogStream {
  /** For `Host.spawn`: runs until the end of its stdin. */
  readonly script: Script
  /** The lines of the log that a line of the script's output contains. Gets each of them once, in order. */
  parse(output: string): readonly LogLine[]
}

export interface Stopped {
  readonly was: 'running' | 'stopped'
  /** True if it did not exit within the stop timeout. */
  readonly killed: boolean
}

/** The router's own state. `generation` changes with each promote. */
export interface Route {
  readonly slot: string | undefined
  readonly generation: string | undefined
}

/** The response to `/deployment_id` through the router on a new connection, or why there was none. */
export interface PublicAnswer extends Route {
  /** HTTP status; undefined if there was no response. */
  readonly status: number | undefined
  /** What is wrong with the response; undefined if it is valid. */
  readonly problem: string | undefined
}

/** A response of the application. */
export interface Answer {
  /** HTTP status; 0 if there was no response. */
  readonly status: number
  readonly body: string
  /** The `Location` header of a redirect, unchanged. */
  readonly location?: string
}

/** The maintenance of a site: the public gets a page instead of the application. */
export interface SiteMaintenance {
  readonly by: string
  /** When it began: ISO 8601, UTC. */
  readonly since: string
  /** Shown on the page. One line. */
  readonly message: string
  /** The networks, in CIDR notation, whose clients reach the application. */
  readonly allow: readonly string[]
  /** Seconds after which clients should ask again. */
  readonly retryAfter: number
}

/** A share of the requests that goes to the slot that is not live. */
export interface Canary {
  /** The slot that gets the share. */
  readonly slot: string
  /** A whole number from 1 to 99. */
  readonly percent: number
  /** Whether a visitor stays with the slot that answered first. */
  readonly sticky: boolean
  /** Whether it is a part of a rolling switch, which moves all traffic in the end; missing for a canary. */
  readonly switching?: boolean
  readonly by: string
  /** When this share began: ISO 8601, UTC. */
  readonly since: string
}

/** A response to a client from outside. */
export interface OutsideAnswer {
  /** HTTP status; 0 if there was no response. */
  readonly status: number
  /** Whether it is the page of the maintenance. */
  readonly maintenance: boolean
}

export interface Router {
  /**
   * Resolves to the router's own state; `slot` is undefined if there is no route yet.
   *
   * @throws Fault if the state cannot be read or parsed; it is never guessed.
   */
  live(): Query<Route>
  /** Requests `/deployment_id` once on a new connection. A missing response is a value with `problem`, not an error. */
  answer(): Query<PublicAnswer>
  /** Requests a path of the application, through the router, on a new connection. */
  fetch(path: string): Query<Answer>
  /**
   * The arguments of a `curl` command that requests a path through the router, on the host, over HTTP/1.1; the URL is the last one. A promote sends its
   * probes with them; without this method it is not measured. Contacts no host.
   */
  curl?(path: string): readonly string[]
  /** The public site: the value of the `Host` header, and whether the router terminates TLS. Health checks send the same headers. */
  readonly site?: { readonly host: string; readonly https: boolean }
  /**
   * How a person reaches the idle slot, such as `https://next.life.example`; undefined without a preview. Its requests go to the slot that is not live, or to
   * the first one while none is, and follow each switch; a slot that does not answer is status 503 with its name. `/deployment_id` still names the live slot.
   * It goes on during a maintenance.
   */
  readonly preview?: string | undefined
  /**
   * Set by switchyard for a router with `Plugin.on`: the machine that its queries run on, for scripts that have to run beside it.
   */
  readonly machine?: string
  /**
   * Set to true if a switch closes keep-alive connections and can lose a request on one. A promote then reports such losses but does not roll back
   * because of them.
   *
   * @default false
   */
  readonly dropsKeepAlive?: boolean
  /**
   * Resolves to the seconds since the server was last reloaded, by whomever; undefined if it never was. A reload may close connections: a
   * promote during which somebody else did that reports those, proves the switch once more, and does not roll back because of them.
   */
  reloaded?(): Query<number | undefined>
  /**
   * Checks that the traffic can be switched. Resolves to warnings: problems that do not prevent a switch.
   *
   * @throws Fault if the router is down, its configuration is invalid, or it responds to `path` itself, for example by asking for a password. The traffic
   *   must not be switched then.
   */
  check(path?: string): Query<readonly Fault[]>
  /** Sends new requests to a slot, under a new generation id. Resolves once the switch was requested; `verify` confirms that it took effect. */
  promote(slot: Slot, generation: string): Query<void>
  /** Restores a route that `live` returned before a promote. */
  restore(route: Route): Query<void>
  /**
   * Requests `/deployment_id` on new connections until `answers` responses in a row name the slot of the route. After `within` milliseconds it goes on only
   * as long as they do. A valid response is 200 with the slot's name as its body, and the generation in the header `X-Deployment-Generation` (in any case)
   * if the router has one; or 503 with `no slot is live`.
   */
  verify(route: Route, limits: VerifyLimits): Query<Verification>
  /**
   * Resolves to the sites on the host, other than ours, that would receive requests for this site or lose requests to it: one fault for each, naming
   * the file. `setup` refuses to run while there is one, and `doctor` reports them.
   */
  conflicts?(): Query<readonly Fault[]>
  /** Resolves to the maintenance of the site; undefined while there is none. A router has all methods for a maintenance, or none of them. */
  maintenance?(): Query<SiteMaintenance | undefined>
  /**
   * Begins the maintenance, or replaces the one that is on: clients get status 503, `Retry-After`, `Cache-Control: no-store` and a page,
   * `text/html; charset=utf-8`, whatever they request. The live slot still gets the requests of clients in `allow`, and those that come from the host itself
   * (127.0.0.0/8, `::1`, the address of `listen`) without the header `X-Forwarded-For`, such as ours; one with that header is not ours, and never passes.
   * `/deployment_id` and a preview are answered as always, and the route can be changed. It survives a restart of the router. Nothing is reloaded, so no
   * request is lost; open connections and WebSockets continue.
   *
   * @throws Fault if the site was installed by a version that cannot do this, until the next `setup`; nothing is changed then
   */
  beginMaintenance?(maintenance: SiteMaintenance): Query<void>
  /** Ends the maintenance. Does nothing if there is none. */
  endMaintenance?(): Query<void>
  /** Requests a path as a client from outside, in no network of `allow`: with the header `X-Forwarded-For`. */
  outside?(path: string): Query<OutsideAnswer>
  /** Resolves to the canary; undefined while there is none. A router has this, `beginCanary` and `endCanary` if `Plugin.canary` is set, else none of them. */
  canary?(): Query<Canary | undefined>
  /**
   * Sends a share of the requests to the slot that is not live, or changes the share. Each request draws a number from 000 to fff, and those below the share
   * go to the canary. A request with such a number in the cookie `switchyard_canary`, of whatever origin, goes where that says; with `sticky` the response to
   * any other request sets this cookie, with `Path=/; HttpOnly; SameSite=Lax` and, over HTTPS, `Secure`. Meanwhile a response has the header
   * `X-Deployment-Slot` with the slot that was chosen, also if that slot did not answer. `/deployment_id` and the preview know nothing of a canary, and a
   * maintenance closes both slots. Nothing is reloaded, so no request is lost. It survives a restart of the router, and ends in the same moment with a
   * `promote`, and with a `restore`.
   *
   * @param route the live one
   * @throws Fault if another route is live, or if the site was installed without a canary; nothing is changed then
   */
  beginCanary?(canary: Canary, route: Route): Query<void>
  /** Ends the canary. Does nothing if there is none. */
  endCanary?(): Query<void>
  /** The requests that the router has counted for each slot since it started, and the failed ones: responses with a 5xx status, and none. */
  served?(): Query<Readonly<Record<string, Tally>>>
  provision(facts: HostFacts): Provision
}

export interface VerifyLimits {
  /** Responses in a row that confirm the route. */
  readonly answers: number
  /** Milliseconds. */
  readonly within: number
  /** A path of the application to request once the route is verified; the response is `Verification.answer`. */
  readonly path?: string
  /** Additional headers of that request. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Verification {
  readonly verified: boolean
  /** The number of requests sent. */
  readonly asked: number
  /** The last response. */
  readonly last: PublicAnswer
  /** Milliseconds from the first request to the first response of the new route. */
  readonly firstAfter: number | undefined
  /** The application's response to `path`; undefined if that was not requested. */
  readonly answer?: Answer | undefined
}

/** What `setup` knows about a host when it calls `provision`. */
export interface HostFacts {
  /** The deploying user and its primary group. They own the application's folder, and run its processes unless `layout.user` does. */
  readonly user: string
  readonly group: string
}

/** What a plugin needs on a host, as plain data. `setup` shows it as a diff and installs it; a second `setup` changes nothing. */
export interface Provision {
  /** Required commands, each with the Debian package that provides it: `{ nginx: 'nginx' }`. */
  readonly tools: Readonly<Record<string, string>>
  /** Further commands that `bootstrap` installs and `setup` does without, such as certbot, each with the Debian package that provides it. */
  readonly recommended?: Readonly<Record<string, string>>
  /** Groups that the deploying user has to be in, such as `docker`. `bootstrap` adds it. */
  readonly groups?: readonly string[]
  /** Of a router: the server that `bootstrap` starts and enables. */
  readonly server?: Server
  /** Of a router: the files of the site's certificate, if they are the user's or certbot's. A rehearsal makes a self-signed one in their place. */
  readonly certificate?: { readonly certificate: string; readonly key: string }
  /** Files owned by root. */
  readonly files: readonly HostFile[]
  /** Folders inside the application's folder, owned by the deploying user. */
  readonly folders: readonly HostFolder[]
  /** The command lines that the deploying user may run as root, exactly as they are passed to `sudo -n`. */
  readonly sudo: readonly (readonly string[])[]
  /**
   * Scripts that put `files` into effect. They run as root and in order, after `folders` were created, if one of `files` changed or one of `links` is
   * missing. If one fails, every file of the setup is restored and all scripts run again to reactivate the previous state, in which files of ours may be
   * missing. Each must be idempotent.
   */
  readonly apply: readonly Script[]
  /**
   * Scripts for `remove` that put the deletion of `files` and `links` into effect. They run as root and in order. If one fails, for instance because
   * the rest of the router's configuration needs a deleted file, every file is restored and `apply` runs again. Must not fail if the router is down.
   *
   * @default `apply`
   */
  readonly unapply?: readonly Script[]
  /** Paths of further links that belong to the application alone, such as one that a promote moves. `remove` deletes those that point to `files`. */
  readonly moved?: readonly string[]
  /** Links owned by root that `apply` creates, each given as its possible paths. The plugin decides on their targets. */
  readonly links?: readonly (readonly string[])[]
  /** Files of earlier setups that `files` no longer has, such as the unit of a removed process. `setup` removes them. */
  readonly obsolete?: Obsolete
  /** Paths of files that are not ours and would override one of `files` or be overridden by it; `setup` refuses to run while one exists. */
  readonly rivals?: readonly string[]
  /**
   * For each slot, a script that checks whether its running release could be restarted under the new `files`. If not, it prints why and exits with a code
   * other than 0. It runs before a file changes, as root if possible.
   */
  readonly restarts?: Readonly<Record<string, Script>>
  /** Manual steps that are left to do, one line each; `setup` prints them. */
  readonly notes?: readonly string[]
}

/** The server that a router is a plugin for. */
export interface Server {
  /** Its systemd unit. */
  readonly unit: string
  /** The names of its processes, as in `/proc/<pid>/comm`. `bootstrap` refuses a host on which another process has one of the ports. */
  readonly processes: readonly string[]
  /** The TCP ports on which the public reaches the site. */
  readonly ports: readonly number[]
  /** A command that a person runs once on the host before the first setup, because it edits what is theirs; `bootstrap` prints it. Must be idempotent. */
  readonly step?: string
}

export interface HostFile {
  readonly path: string
  readonly text: string
  /**
   * Set if others may edit the file too; their additions are kept. Texts are never merged: a file that lacks a required line is rejected. Without `edits`,
   * setup overwrites the file.
   */
  readonly edits?: {
    /** Whether a line that differs from ours was written by an earlier setup with other settings, so that it can be replaced. */
    ours(line: string): boolean
    /** Whether the file can do without a line of ours, because of the lines that only `theirs` has. */
    satisfied(line: string, theirs: readonly string[]): boolean
  }
  /** As in `chmod`. */
  readonly mode: number
  /** Succeeds while other applications on the host need the file; `remove` then keeps it. Runs as root. */
  readonly needed?: Script
  /** A command that validates a new version of the file before it is installed; its path is appended. An exit code other than 0 rejects the file. */
  readonly check?: readonly string[]
}

/** How to find the files that earlier setups of this application made. */
export interface Obsolete {
  readonly folder: string
  /** Matches their names. */
  readonly name: RegExp
  /**
   * What each such file contains, so that a file of another application is not taken for one.
   *
   * @default the path of the slots, as in the settings of a unit
   */
  readonly mark?: string
  /** The folders, as glob patterns, in which links to such a file have the same name, or for a template unit the name of an instance. */
  readonly links: readonly string[]
  /** Ends what still uses the file, whose path is `$1`. Runs as root, when the file has been removed and before `apply`. Idempotent. */
  readonly end: Script
  /** Puts the file into effect again, when a setup that was undone has restored it. Runs as root. Idempotent. */
  readonly restored?: Script
}

export interface HostFolder {
  readonly path: string
  readonly mode: number
  /**
   * Who owns it.
   *
   * @default the deploying user
   */
  readonly owner?: string
}
