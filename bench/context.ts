/** What all rows share: a host on which both slots run, the program under test, and releases that were never uploaded before. */

import type { TestHost } from '../dev/host.ts'
import { lifeTarball } from '../dev/life.ts'
import { type Link, openLink } from '../dev/links.ts'
import { TASK } from '../dev/paths.ts'
import { type Site, startSite } from '../dev/site.ts'
import { variant } from './artifacts.ts'
import { type Ran, timed, timedUsage } from './process.ts'

export interface Artifact {
  readonly path: string
  readonly version: string
}

export interface TaskSetting {
  /** @default a direct connection to the host */
  readonly link?: Link
  readonly artifact?: Artifact
}

export interface BenchContext extends AsyncDisposable {
  readonly host: TestHost
  /** The temporary folder that contains the Taskfile. */
  readonly folder: string
  /** Number of samples per figure. */
  readonly repeats: number
  /** Leaves out the large releases. */
  readonly quick: boolean
  log(text: string): void
  /** Runs the built program and measures the whole process. */
  task(args: readonly string[], setting?: TaskSetting): Promise<Ran>
  /** Like `task`, but resolves to the peak memory of the process, in bytes. */
  taskPeak(args: readonly string[], setting?: TaskSetting): Promise<number>
  /** Runs the OpenSSH client and measures the whole process. */
  ssh(args: readonly string[]): Promise<Ran>
  /** Makes a release of the sample application that no host has yet. */
  fresh(): Promise<Artifact>
  /** The name of the live slot. */
  live(): Promise<string>
  /** Opens a delayed connection to the host, or returns the one of this round trip time, in milliseconds. */
  link(roundTrip: number): Promise<Link>
}

export interface BenchOptions extends Pick<BenchContext, 'quick' | 'repeats' | 'log'> {}

export async function openBench(setting: BenchOptions): Promise<BenchContext> {
  const site: Site = await startSite()
  const { host, folder } = site
  const first = { path: await lifeTarball('0.1.0'), version: '0.1.0' }
  const links = new Map<number, Promise<Link>>()
  let stamp = 0
  const environment = ({ link, artifact = first }: TaskSetting): NodeJS.ProcessEnv => ({
    ...process.env,
    CI: '1',
    SSH_CONFIG: link?.sshConfigFile ?? host.sshConfigFile,
    LIFE_TARBALL: artifact.path,
    LIFE_VERSION: artifact.version,
  })
  const bench: BenchContext = {
    ...setting,
    host,
    folder,
    task: (args, at = {}) => timed(process.execPath, [TASK, ...args], { cwd: folder, env: environment(at) }),
    async taskPeak(args, at = {}) {
      return (await timedUsage([TASK, ...args], { cwd: folder, env: environment(at) })).peak
    },
    ssh: args => timed('ssh', args),
    async fresh() {
      stamp += 1
      return { path: await variant(first.path, folder, String(stamp)), version: first.version }
    },
    live: () => site.live(),
    link(roundTrip) {
      const link = links.get(roundTrip) ?? openLink(host, folder, roundTrip)
      links.set(roundTrip, link)
      return link
    },
    async [Symbol.asyncDispose]() {
      for (const link of links.values()) await (await link)[Symbol.asyncDispose]()
      await site[Symbol.asyncDispose]()
    },
  }
  try {
    await bench.task(['setup'])
    await bench.task(['deploy', '--promote'])
    await bench.task(['deploy', '--promote'], { artifact: await bench.fresh() })
  } catch (error) {
    await bench[Symbol.asyncDispose]()
    throw error
  }
  return bench
}
