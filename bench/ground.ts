/** What all rows stand on: a host that both slots run on, the program under test, and releases that were never sent before. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestHost } from '../dev/host.ts'
import { lifeTarball } from '../dev/life.ts'
import { type Site, startSite } from '../dev/site.ts'
import { variant } from './artifacts.ts'
import { type Line, openLine } from './lines.ts'
import { type Ran, timed } from './process.ts'

export const TASK = fileURLToPath(new URL('../bin/task.mjs', import.meta.url))
const PEAK = new URL('peak.mjs', import.meta.url).href

export interface Artifact {
  readonly path: string
  readonly version: string
}

export interface TaskSetting {
  /** Straight to the host unless told. */
  readonly line?: Line
  readonly artifact?: Artifact
}

export interface Ground extends AsyncDisposable {
  readonly host: TestHost
  /** Where the Taskfile stands; gone in the end. */
  readonly folder: string
  /** How often each figure is taken. */
  readonly repeats: number
  /** Leaves out what is large. */
  readonly quick: boolean
  say(line: string): void
  /** Runs the built program, the whole process. */
  task(words: readonly string[], setting?: TaskSetting): Promise<Ran>
  /** As `task`; resolves to the most memory that the process ever had, in bytes. */
  taskPeak(words: readonly string[], setting?: TaskSetting): Promise<number>
  /** OpenSSH's own client, the whole process. */
  ssh(words: readonly string[]): Promise<Ran>
  /** A release of the sample application that no host has. */
  fresh(): Promise<Artifact>
  live(): Promise<string>
  line(roundTrip: number): Promise<Line>
}

export interface GroundSetting extends Pick<Ground, 'quick' | 'repeats' | 'say'> {}

export async function openGround(setting: GroundSetting): Promise<Ground> {
  const site: Site = await startSite()
  const { host, folder } = site
  const first = { path: await lifeTarball('0.1.0'), version: '0.1.0' }
  const lines = new Map<number, Promise<Line>>()
  let stamp = 0
  const environment = ({ line, artifact = first }: TaskSetting): NodeJS.ProcessEnv => ({
    ...process.env,
    CI: '1',
    SSH_CONFIG: line?.sshConfigFile ?? host.sshConfigFile,
    LIFE_TARBALL: artifact.path,
    LIFE_VERSION: artifact.version,
  })
  const ground: Ground = {
    ...setting,
    host,
    folder,
    task: (words, at = {}) => timed(process.execPath, [TASK, ...words], { cwd: folder, env: environment(at) }),
    async taskPeak(words, at = {}) {
      const file = join(folder, 'peak')
      const env = { ...environment(at), PEAK_FILE: file }
      await timed(process.execPath, ['--import', PEAK, TASK, ...words], { cwd: folder, env })
      return Number(await readFile(file, 'utf8')) * 1024
    },
    ssh: words => timed('ssh', words),
    async fresh() {
      stamp += 1
      return { path: await variant(first.path, folder, String(stamp)), version: first.version }
    },
    live: () => site.live(),
    line(roundTrip) {
      const line = lines.get(roundTrip) ?? openLine(host, folder, roundTrip)
      lines.set(roundTrip, line)
      return line
    },
    async [Symbol.asyncDispose]() {
      for (const line of lines.values()) await (await line)[Symbol.asyncDispose]()
      await site[Symbol.asyncDispose]()
    },
  }
  try {
    await ground.task(['setup'])
    await ground.task(['deploy', '--promote'])
    await ground.task(['deploy', '--promote'], { artifact: await ground.fresh() })
  } catch (error) {
    await ground[Symbol.asyncDispose]()
    throw error
  }
  return ground
}
