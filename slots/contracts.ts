/**
 * What plugins are: build sources, runtimes and routers. Each contract has one suite in `test/contract/` that takes any
 * implementation and proves the sentences in these comments.
 *
 * A runtime and a router reach no host. What they want to know or to change there they return as a `Query`, and the caller decides with what it travels
 * and in which order: "resolves to", "rejects" and "throws" say what the query comes to.
 */
import type { Query } from '../host/query.ts'
import type { Script } from '../host/script.ts'
import type { Fault } from '../runner/fault.ts'
import type { TaskContext } from '../runner/task.ts'
import type { Layout } from './layout.ts'

/** A named place on a host that runs one release. */
export interface Slot<Name extends string = string> {
  readonly name: Name
  /** The TCP port, on loopback, on which the release's application answers. */
  readonly port: number
  /** Environment of this slot alone; it wins over the environment file. */
  readonly env: Readonly<Record<string, string>>
}

/** What a build source made: a `.tar.gz` on this machine. */
export interface Artifact {
  /** Absolute path on this machine. */
  readonly path: string
  readonly version: string
  /** Of the file, 64 hex digits. */
  readonly sha256: string
  /** Source revision, such as a git commit, when known. */
  readonly revision?: string
}

/** An unpacked, immutable build on a host. */
export interface Release {
  /** `<version>-<first 7 digits of the sha256>`: the name of its folder. */
  readonly name: string
  readonly version: string
  readonly sha256: string
  /** Absolute path on the host. */
  readonly dir: string
}

/** What a plugin gets to work with: one a step, so that its output stands below the step that called it. */
export interface PluginContext extends TaskContext {
  readonly app: string
  /** The folder of the Taskfile. */
  readonly folder: string
  /** The name of the host. */
  readonly host: string
  readonly layout: Layout
  readonly slots: readonly Slot[]
}

/** A factory that returns a named object: `nginx({ site })` is a `Plugin<Router>`. Making one contacts nothing. */
export interface Plugin<T> {
  readonly name: string
  /** What it is, so that one in the wrong place of a Taskfile is refused. */
  readonly kind?: 'build' | 'runtime' | 'router'
  /** What of its settings stands in our output, and so is no secret when the environment holds the same, such as the site's name. */
  readonly shown?: readonly string[]
  create(kit: PluginContext): T
}

export interface BuildSource {
  /** Makes the artifact. Leaves nothing else behind, also when it fails or is interrupted. In a dry run it prints what it would do. */
  build(): Promise<Artifact>
}

/** The process of a slot, as the runtime's own supervisor tells it. */
export interface SlotProcess {
  readonly state: 'running' | 'stopped' | 'failed'
  readonly pid?: number
  /** Seconds since its start. */
  readonly uptime?: number
}

export interface Runtime {
  /** Environment that this runtime wants for a slot: port, node name, temporary folder. Contacts nothing. */
  environment(slot: Slot): Readonly<Record<string, string>>
  /**
   * Starts the release that the slot's `current` names, with the slot's `env` file. Resolves when its process is there, healthy or not. A slot that runs
   * already, and a `current` that names another release, are a `Fault`: nothing was started then.
   */
  start(release: Release, slot: Slot): Query<void>
  /** Resolves only when the slot's process is gone; a slot that is down is fine. After the stop limit it kills, and says so. */
  stop(slot: Slot): Query<Stopped>
  process(slot: Slot): Query<SlotProcess>
  /** Prints the pid of the slot's process, and nothing when there is none: for scripts that wait for it on the host. */
  pid(slot: Slot): Script
  /** The last lines that the slot's application wrote. */
  log(slot: Slot, lines: number): Query<string>
  /**
   * Runs the migrations of a release beside the running application. Resolves only when they came to their own end: an exit code of 0 may be that of
   * a program that somebody ended. A failure is a `Fault` with the end of the output.
   */
  migrate?(release: Release, slot: Slot): Query<void>
  /**
   * The command line of an interactive console in the slot's running application, or beside it with the same release and environment, for
   * `Host.attach`. Without a terminal it says that it needs one, and ends with 2.
   */
  console?(slot: Slot): string
  /** Evaluates an expression in the slot's running application and resolves to what it printed. */
  rpc?(slot: Slot, expression: string): Query<string>
  /** What must stand on a host before the first start. Contacts nothing. */
  provision(facts: HostFacts): Provision
}

export interface Stopped {
  readonly was: 'running' | 'stopped'
  /** It did not go by itself within the limit. */
  readonly killed: boolean
}

/** What the router itself says. `generation` changes with each promote. */
export interface Route {
  readonly slot: string | undefined
  readonly generation: string | undefined
}

/** What `/deployment_id` answered on a fresh connection through the router, or why there was no answer. */
export interface PublicAnswer extends Route {
  readonly status: number | undefined
  readonly problem: string | undefined
}

/** An answer of the application through the router. */
export interface Answer {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  readonly body: string
  /** Where a redirect leads, as it says it. */
  readonly location?: string
}

export interface Router {
  /** Reads its own state. No route yet is `slot: undefined`; state that cannot be read or understood is a `Fault`. Never a guess. */
  live(): Query<Route>
  /** Asks `/deployment_id` once on a fresh connection. No answer is a value with `problem`, not an error. */
  answer(): Query<PublicAnswer>
  /** Asks the application for a path, through the router, on a fresh connection. */
  fetch(path: string): Query<Answer>
  /**
   * The words after `curl` that ask for a path through the router, on the host, over HTTP/1.1, the URL last. With them a promote
   * measures itself. Contacts nothing.
   */
  curl?(path: string): readonly string[]
  /** The site as its visitors know it: the value of `Host`, and whether the router ends TLS. Health is asked in the same way. */
  readonly site?: { readonly host: string; readonly https: boolean }
  /** A switch closes kept connections, and can lose a request on one: then a promote reports that, and is not taken back for it. */
  readonly dropsKeepAlive?: boolean
  /**
   * A `Fault` when the router is down, when its configuration is not valid, and when it answers requests for `path` itself, as with a question for a
   * password: then nothing may be switched. What is wrong and does not keep the traffic from moving is returned, for people to hear of.
   */
  check(path?: string): Query<readonly Fault[]>
  /** Moves new requests to a slot, under a new generation id. Resolves when it was asked for; `verify` tells whether it happened. */
  promote(slot: Slot, generation: string): Query<void>
  /** Puts back what `live` returned before a promote. */
  restore(route: Route): Query<void>
  /**
   * Asks `/deployment_id` on fresh connections until `answers` in a row carry the slot, at most `within` ms, and then only while they do. An answer
   * is 200 with the slot's name as its body, and the generation in the header `X-Deployment-Generation`, whose name may be written in any case, where
   * the router has one; or 503 with `no slot is live`.
   */
  verify(route: Route, limits: VerifyLimits): Query<Verification>
  /**
   * What stands on the host, besides ours, that would get requests of this site, or would lose its own to it: one fault each, which names the place.
   * `setup` changes nothing while there is one, and `doctor` tells them.
   */
  conflicts?(): Query<readonly Fault[]>
  provision(facts: HostFacts): Provision
}

export interface VerifyLimits {
  readonly answers: number
  /** Milliseconds. */
  readonly within: number
  /** Asked of the application when the route was proven: what came is the proof's `answer`. */
  readonly path?: string
  /** Further headers of that one question. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Verification {
  readonly verified: boolean
  readonly asked: number
  /** The last answer that was seen. */
  readonly last: PublicAnswer
  /** Milliseconds from the first question to the first answer of the new route. */
  readonly firstAfter: number | undefined
  /** What the application said to `path`; undefined when that was not asked. */
  readonly answer?: Answer | undefined
}

/** What `setup` found out about a host before it asks plugins for files. */
export interface HostFacts {
  /** The deploying user, and its primary group: who owns the application's folder and runs its processes. */
  readonly user: string
  readonly group: string
}

/** What a plugin wants on a host. Plain data: `setup` shows it as a diff, installs it, and does nothing the second time. */
export interface Provision {
  /** Commands that must be on the host, with the Debian package that has each. */
  readonly tools: Readonly<Record<string, string>>
  /** Files that belong to root. */
  readonly files: readonly HostFile[]
  /** Folders that belong to the deploying user, inside the application's folder. */
  readonly folders: readonly HostFolder[]
  /** The command lines that the deploying user may run as root, exactly as `sudo -n` will be given them. */
  readonly sudo: readonly (readonly string[])[]
  /**
   * Run as root after one of `files` changed or when one of `links` is not there, in order, with `folders` made before: then what stands there must be in
   * force. One that fails has every file of the setup put back, and all are run once more, so that what stood there before is in force again: a file of
   * ours may then be missing. Each must be harmless when run again.
   */
  readonly apply: readonly Script[]
  /** Links of root's that `apply` makes, each at one of several paths. Where they lead is the plugin's own concern. */
  readonly links?: readonly (readonly string[])[]
  /** Paths of files that are not ours and would take the place of one of `files`, or lose theirs to it; `setup` refuses while there is one. */
  readonly rivals?: readonly string[]
  /**
   * By the name of a slot: exits with another code than 0, and prints why, when what is in it and runs could not be started again under `files`. Asked, as
   * root where that can be had, before one of them changes.
   */
  readonly restarts?: Readonly<Record<string, Script>>
  /** What is left for a person to do by hand, one line each; `setup` shows it. */
  readonly notes?: readonly string[]
}

export interface HostFile {
  readonly path: string
  readonly text: string
  /** Others may edit it as well: what they have added stays. Texts are never merged: a file that lacks what it needs is refused. Without it the file is ours alone. */
  readonly edits?: {
    /** Whether a line that differs from ours was written by us with other settings, and can be replaced. */
    ours(line: string): boolean
    /** Whether a line of ours that is not there is not needed, because of lines that only theirs has. */
    satisfied(line: string, theirs: readonly string[]): boolean
  }
  /** As in `chmod`. */
  readonly mode: number
  /** Words of a command that reads a new version of the file, whose path is added to them, before it takes its place: not 0 when it is not valid. */
  readonly check?: readonly string[]
}

export interface HostFolder {
  readonly path: string
  readonly mode: number
}
