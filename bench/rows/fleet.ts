/**
 * Sixteen hosts against one, 100 ms away each. All of them share the processors of this machine, so the client's own cost is measured beside the time: its
 * processor time and its memory.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Link, openLink } from '../../dev/links.ts'
import { TASK } from '../../dev/paths.ts'
import { SERVER } from '../../dev/small-server.ts'
import { joinConfigs } from '../../dev/ssh-configs.ts'
import { synthetic } from '../artifacts.ts'
import type { BenchContext } from '../context.ts'
import { type Measured, type Row, ratios } from '../figures.ts'
import { timedUsage, type Usage } from '../process.ts'

const HOSTS = 16
/** Milliseconds. */
const ROUND_TRIP = 200
/** Containers that boot at a time. */
const BOOTING = 4

/** Prints the processor time of a container in nanoseconds, with either version of control groups. */
const USED =
  "awk '/^usage_usec / { print $2 * 1000 }' /sys/fs/cgroup/cpu.stat 2> /dev/null || cat /sys/fs/cgroup/cpuacct/cpuacct.usage"

const TASKFILE = `
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
export const { setup, upload, deploy } = project({
  app: 'shop',
  hosts: (env.HOSTS ?? '').split(',').map(name => ssh(name, { configFile: env.SSH_CONFIG })),
  build: tarball({ path: env.ARTIFACT ?? 'app', version: env.VERSION ?? '' }),
  runtime: service({ start: 'bin/server', stopLimit: 3 }),
  router: nginx({ site: 'shop.example' }),
  slots: { blue: { port: 4000 }, green: { port: 4001 } },
}).tasks
`

interface Fleet extends AsyncDisposable {
  /** Processor time that all hosts have used so far, in milliseconds. */
  used(): Promise<number>
  /** Runs `task` for these hosts. */
  task(names: readonly string[], args: readonly string[], more?: NodeJS.ProcessEnv): Promise<Usage>
  /** Makes the next version of the application, and resolves to its name. */
  version(): Promise<string>
}

const named = (from: number, count: number) => Array.from({ length: count }, (_, i) => `web-${from + i}`)
/** The one host is none of the sixteen, because these always serve the same. */
const MANY = named(1, HOSTS)
const ONE = named(HOSTS + 1, 1)

export async function fleet(bench: BenchContext): Promise<Row[]> {
  await using hosts = await startFleet(bench)
  const taken = { one: [] as Usage[], many: [] as Usage[] }
  const worked: number[] = []
  const deploy = async (names: readonly string[]) => {
    const VERSION = await hosts.version()
    return hosts.task(names, ['deploy', '--promote'], { VERSION })
  }
  for (const names of [MANY, ONE]) {
    await hosts.task(names, ['setup'], { VERSION: await hosts.version() })
    // A release in each slot.
    for (let i = 0; i < 2; i++) await deploy(names)
  }
  for (let i = 0; i < bench.repeats; i++) {
    taken.one.push(await deploy(ONE))
    const before = await hosts.used()
    taken.many.push(await deploy(MANY))
    worked.push((await hosts.used()) - before)
    bench.log(`fleet: ${[taken.one, taken.many].map(all => Math.round(all.at(-1)?.ms ?? 0)).join(' and ')} ms`)
  }
  const times = (of: 'one' | 'many') => taken[of].map(({ ms }) => ms)
  const own = (of: 'one' | 'many') => taken[of].map(({ processor }) => processor)
  const apart = times('one').map((ms, i) => ms + (own('many')[i] ?? 0) - (own('one')[i] ?? 0))
  const figure = (who: string, unit: Measured['unit'], samples: readonly number[]): Measured => ({ who, unit, samples })
  const ratio = figure(`${HOSTS} hosts over one`, 'x', ratios(times('many'), times('one')))
  const size = bench.quick ? { bytes: 50e6, files: 2_000 } : { bytes: 500e6, files: 20_000 }
  const { first, bumped } = await synthetic(bench.folder, size)
  const peaks: number[] = []
  for (const ARTIFACT of [first, bumped])
    peaks.push((await hosts.task(MANY, ['upload'], { ARTIFACT, VERSION: '9.9.9' })).peak / 1e6)
  for (const file of [first, bumped]) await rm(file)
  const memory = figure('`task upload`, first and one file changed', 'MB', peaks)
  return [
    {
      work: '`task deploy --promote` of one changed file at 100 ms each way, all hosts on this machine',
      figures: [
        ratio,
        figure(
          'the same, if the hosts had processors of their own: with the additional processor time of the client',
          'x',
          ratios(apart, times('one')),
        ),
        figure('one host', 'ms', times('one')),
        figure(`${HOSTS} hosts`, 'ms', times('many')),
        figure('processor time of the client, one host', 'ms', own('one')),
        figure(`processor time of the client, ${HOSTS} hosts`, 'ms', own('many')),
        figure(`processor time of all ${HOSTS} hosts together`, 'ms', worked),
      ],
      goal: { of: ratio, limit: 1.3 },
    },
    {
      work: `peak memory of the client, ${size.bytes / 1e6} MB in ${size.files} files to ${HOSTS} hosts`,
      figures: [memory],
      goal: { of: memory, limit: 250 },
    },
  ]
}

async function startFleet(bench: BenchContext): Promise<Fleet> {
  const folder = await mkdtemp(join(bench.folder, 'fleet-'))
  const hosts: TestHost[] = []
  const links: Link[] = []
  const names = [...MANY, ...ONE]
  const end = async () => {
    await Promise.all(links.map(link => link[Symbol.asyncDispose]()))
    await Promise.all(hosts.map(host => host.stop()))
  }
  let count = 0
  try {
    for (let i = 0; i < names.length; i += BOOTING) {
      hosts.push(...(await Promise.all(names.slice(i, i + BOOTING).map(() => startHost()))))
      bench.log(`fleet: ${hosts.length} of ${names.length} hosts are up`)
    }
    for (const host of hosts) links.push(await openLink(host, folder, ROUND_TRIP))
    const config = join(folder, 'ssh_config')
    const files = links.map(({ sshConfigFile }) => sshConfigFile)
    await joinConfigs(config, files, names)
    await writeFile(join(folder, 'Taskfile.ts'), TASKFILE)
    await mkdir(join(folder, 'app/bin'), { recursive: true })
    await writeFile(join(folder, 'app/bin/server'), SERVER)
    await chmod(join(folder, 'app/bin/server'), 0o755)
    return {
      async used() {
        const texts = await Promise.all(hosts.slice(0, HOSTS).map(host => host.exec(USED)))
        return texts.reduce((sum, { stdout }) => sum + Number(stdout) / 1e6, 0)
      },
      task: (on, args, more = {}) =>
        timedUsage([TASK, ...args], {
          cwd: folder,
          env: { ...process.env, CI: '1', SSH_CONFIG: config, HOSTS: on.join(','), ...more },
        }),
      async version() {
        count += 1
        await writeFile(join(folder, 'app/VERSION'), `1.${count}.0\n`)
        return `1.${count}.0`
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}
