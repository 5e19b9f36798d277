/** What the tests of a swarm have in common: a swarm, an application that is live on it, and the commands, each with the exit code that it has to have. */
import { expect } from 'vitest'
import { startSwarm, type TestSwarm } from '../../dev/swarm.ts'
import { type Fault, SECRET, type SwarmSite, startSwarmSite } from './swarm-app.ts'

/** What `status --json` tells, as far as tests ask for it. */
interface Status {
  readonly live: string
  readonly agreed: boolean
  readonly moving: object | null
  readonly nodes: readonly {
    readonly node: string
    readonly role: string
    readonly route: { readonly slot: string } | null
    readonly reaches: number | null
  }[]
  readonly slots: readonly { readonly slot: string; readonly tasks: readonly { readonly node: string }[] }[]
}

export interface SwarmRun extends AsyncDisposable {
  readonly swarm: TestSwarm
  readonly site: SwarmSite
  /** The numbers of all nodes. */
  readonly nodes: readonly number[]
  /** Runs `task`, which has to succeed and to show no secret. Resolves to its output. */
  done(...args: string[]): Promise<string>
  /** As `done`, for a command that has to end with another exit code, and with one cause. */
  fails(code: number, ...args: string[]): Promise<string>
  /** Gives the application its next version, which `deploy` would start in the slot. */
  released(fault?: Fault): Promise<Released>
  /** As `released`, and deploys it. */
  prepared(fault?: Fault): Promise<Released>
  status(): Promise<Status>
  /** Waits until `status` finds nothing amiss. */
  agreed(): Promise<void>
  /** Boots and connects what an earlier test has left, and moves the routers to the slot of the records. */
  mended(): Promise<void>
  /** The versions that nodes serve, in the order of their numbers. */
  served(nodes?: readonly number[]): Promise<readonly string[]>
}

export interface Released {
  readonly slot: string
  readonly version: string
}

export interface SwarmRunOptions {
  /** @default 3 */
  readonly nodes?: number
  /** @default 1 */
  readonly managers?: number
  /** How many tasks a slot has. @default 2 */
  readonly replicas?: number
  /** Whether 0.1.0 is set up, deployed and promoted. @default true */
  readonly live?: boolean
}

/** Takes some minutes, so the hook of a test file needs a timeout of its own. */
export async function startSwarmRun(options: SwarmRunOptions = {}): Promise<SwarmRun> {
  const { nodes: count = 3, managers = 1, replicas = 2, live = true } = options
  const swarm = await startSwarm(count, managers)
  const nodes = Array.from({ length: count }, (_, i) => i + 1)
  let site: SwarmSite | undefined
  const stop = async () => {
    await site?.[Symbol.asyncDispose]()
    await swarm[Symbol.asyncDispose]()
  }
  try {
    site = await startSwarmSite(swarm)
    await site.option('replicas', String(replicas))
    await site.release('0.1.0')
    const run = runOf(swarm, site, nodes, stop)
    if (live) for (const args of [['setup'], ['deploy'], ['promote', 'blue']]) await run.done(...args)
    return run
  } catch (error) {
    await stop()
    throw error
  }
}

function runOf(swarm: TestSwarm, site: SwarmSite, nodes: readonly number[], stop: () => Promise<void>): SwarmRun {
  let minor = 1
  const ended = async (code: number, args: readonly string[]) => {
    const { code: found, stdout, stderr } = await site.task(...args)
    expect(found, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(code)
    expect(stdout + stderr).not.toContain(SECRET)
    if (code !== 0) expect(errorsIn(stderr), stderr).toHaveLength(1)
    return stdout + stderr
  }
  const done = (...args: string[]) => ended(0, args)
  const status = async (): Promise<Status> => dataOf<Status>((await site.task('status', '--json')).stdout)
  const released = async (fault?: Fault): Promise<Released> => {
    minor += 1
    const version = `0.${minor}.0`
    await site.release(version, fault)
    return { slot: other((await status()).live), version }
  }
  const problem = async () => {
    const { code, stderr } = await site.task('status')
    return code === 0 ? undefined : stderr
  }
  // As long as the managers, the engine of a node that was booted and its tasks take on a busy machine.
  const agreed = () => expect.poll(problem, { timeout: 180_000, interval: 500 }).toBeUndefined()
  return {
    swarm,
    site,
    nodes,
    done,
    fails: (code, ...args) => ended(code, args),
    released,
    async prepared(fault) {
      const given = await released(fault)
      await done('deploy')
      return given
    },
    status,
    agreed,
    async mended() {
      for (const node of nodes) {
        await swarm.boot(node)
        await swarm.mend(node)
      }
      if ((await problem())?.includes('task repair')) await done('repair', '--lock-wait', '1m')
      await agreed()
    },
    served: (asked = nodes) =>
      Promise.all(asked.map(async node => JSON.parse(await (await fetch(swarm.url(node))).text()).version as string)),
    [Symbol.asyncDispose]: stop,
  }
}

/** What a command with --json printed as its result. */
export const dataOf = <T>(stdout: string): T => JSON.parse(stdout.trim().split('\n').at(-1) ?? '').data

export const other = (slot: string): string => (slot === 'blue' ? 'green' : 'blue')

/** The same version for several nodes. */
export const onEach = (nodes: readonly number[], version: string): readonly string[] => nodes.map(() => version)

export const errorsIn = (stderr: string): readonly string[] => stderr.match(/^error: /gm) ?? []

/** A promote makes such a folder on its manager just before it tells the routers. */
export const PROBES = '.switchyard-probes.*'
