/** A small application on several hosts, each with an nginx of its own: its Taskfile, load on each host, and what each of them serves. */
import { expect } from 'vitest'
import type { HostOptions, TestHost } from '../../dev/host.ts'
import { type Load, startLoad } from '../../dev/load.ts'
import { type Machines, startMachines } from './machines.ts'

/** DROP names a step of a switch after which a host that has the file /tmp/drop ends its connections: `check`, `promote` or `verify`. */
const TASKFILE = `
import { appendFileSync, readFileSync } from 'node:fs'
import { caddy, env, haproxy, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const version = () => {
  appendFileSync(new URL('builds', import.meta.url), 'built\\n')
  return readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim()
}
const DROP = '\\nif [ -e /tmp/drop ]; then rm -f /tmp/drop; pkill -KILL -u "$USER" sshd; sleep 30; fi'
const dropping = plugin => ({
  ...plugin,
  create(context) {
    const router = plugin.create(context)
    const after = (step, query) =>
      env.DROP === step ? { ...query, script: { ...query.script, text: query.script.text + DROP } } : query
    return {
      ...router,
      check: path => after('check', router.check(path)),
      promote: (slot, generation) => after('promote', router.promote(slot, generation)),
      verify: (route, limits) => after('verify', router.verify(route, limits)),
    }
  },
})
const ROUTERS = { nginx, haproxy, caddy: options => caddy({ ...options, url: 'http://shop.example' }) }
const machines = names => names.split(',').map(name => ssh(name, { configFile: env.SSH_CONFIG }))
const { tasks } = project({
  app: 'shop',
  hosts: env.WORKERS ? { web: machines(env.HOSTS), worker: machines(env.WORKERS) } : machines(env.HOSTS ?? ''),
  ...(env.STRATEGY && { strategy: env.STRATEGY }),
  build: tarball({ path: 'app', version }),
  runtime: service({
    start: 'bin/server',
    migrate: 'true',
    console: 'hostname',
    stopLimit: 3,
    ...(env.WORKERS && {
      processes: { jobs: { start: 'bin/jobs', role: 'worker' }, clock: { start: 'bin/clock', when: 'live', role: 'worker' } },
    }),
  }),
  router: dropping(ROUTERS[env.ROUTER ?? 'nginx']({
    site: 'shop.example',
    ...(env.CANARY && { canary: true }),
    ...(env.UPSTREAMS && { on: ssh('lb-1', { configFile: env.SSH_CONFIG }), upstream: env.UPSTREAMS.split(','), canary: true }),
  })),
  slots: { blue: { port: 4000 }, green: { port: 4001 } },
  health: { within: 8_000 },
  ...(env.ENV_FILE && { env: env.ENV_FILE }),
})
export const { setup, deploy, promote, rollback, retire, repair, status, doctor, history, logs, exec, releases, restart, lock, unlock, console } = tasks
export const { bootstrap, config, prune, watch, maintenance, remove, envDiff, envPush, pending, migrate, catchUp } = tasks
`

export interface Shop extends Machines {
  host(i: number): TestHost
  /** Runs `task`, expects it to succeed, and resolves to its output. */
  done(...args: string[]): Promise<string>
  /** Starts load on the router of each host, as round-robin DNS would send it there. */
  load(): Promise<readonly Load[]>
  /** The live slot of each host, according to its own router. */
  serving(): Promise<readonly string[]>
  /** The version that each host serves. */
  versions(): Promise<readonly string[]>
}

/**
 * @param more variables for the Taskfile: `ENV_FILE` names its environment file, `CANARY` makes the routers able to have a canary
 * @param options of each host
 */
export async function startShop(
  names: readonly string[],
  more: NodeJS.ProcessEnv = {},
  options: HostOptions = {},
): Promise<Shop> {
  const machines = await startMachines(names, TASKFILE, async () => ({ HOSTS: names.join(','), ...more }), options)
  return shopOn(machines, machines.hosts)
}

/** The same application with processes of the role `worker` on hosts of their own, which are the last ones and have no router. */
export async function startShopOfRoles(web: readonly string[], workers: readonly string[]): Promise<Shop> {
  const variables = { HOSTS: web.join(','), WORKERS: workers.join(',') }
  const machines = await startMachines([...web, ...workers], TASKFILE, async () => variables)
  return shopOn(machines, machines.hosts.slice(0, web.length))
}

export interface Pool extends Shop {
  readonly balancer: TestHost
  /** The addresses that answer requests, in the order of the hosts. */
  answering(): Promise<readonly string[]>
}

/** The same application behind a balancer, which is the last host; its router is the only one. */
export async function startPool(
  names: readonly string[],
  router: 'nginx' | 'haproxy' | 'caddy' = 'nginx',
  variables: NodeJS.ProcessEnv = {},
): Promise<Pool> {
  const machines = await startMachines([...names, 'lb-1'], TASKFILE, async hosts => ({
    HOSTS: names.join(','),
    ROUTER: router,
    ...variables,
    UPSTREAMS: (await Promise.all(hosts.slice(0, -1).map(host => host.address()))).join(','),
  }))
  const balancer = machines.hosts.at(-1) ?? expect.fail('there is no balancer')
  return {
    ...shopOn(machines, [balancer]),
    balancer,
    async answering() {
      const addresses = await Promise.all(machines.hosts.slice(0, -1).map(host => host.address()))
      const heads = await machines.run(
        balancer,
        `for i in $(seq 40); do curl -s -o /dev/null -D - -H 'Host: shop.example' http://127.0.0.1/health; done`,
      )
      return addresses.filter(address => heads.toLowerCase().includes(`x-answered-by: ${address}\r`))
    },
  }
}

/** @param routers the hosts that answer for the site */
function shopOn(machines: Machines, routers: readonly TestHost[]): Shop {
  const { hosts, run, ends } = machines
  const asked = (path: string) =>
    Promise.all(routers.map(machine => run(machine, `curl -s -H 'Host: shop.example' http://127.0.0.1${path}`)))
  return {
    ...machines,
    host: i => hosts[i] ?? expect.fail(`there is no host ${i}`),
    done: (...args) => ends(0, args),
    load: () =>
      Promise.all(
        routers.map(({ httpPort }) =>
          startLoad({
            url: `http://127.0.0.1:${httpPort}`,
            host: 'shop.example',
            clients: { keepAlive: 1, fresh: 1, idle: 0, post: 0, slow: 0, socket: 0 },
            paths: { get: '/health' },
            pauseMs: { keepAlive: 5, fresh: 5 },
            maxSeconds: 600,
          }),
        ),
      ),
    serving: () => asked('/deployment_id'),
    versions: async () => (await asked('/health')).map(answer => (JSON.parse(answer) as { version: string }).version),
  }
}

/** Sets up the hosts, and brings them so far that one release is live and a newer one runs in the other slot. */
export async function deployTwo(shop: Shop): Promise<void> {
  for (const args of [['setup'], ['deploy', '--promote']]) await shop.done(...args)
  await shop.version('1.1.0')
  await shop.done('deploy')
}

export const otherOf = (slot: string | undefined): string => (slot === 'blue' ? 'green' : 'blue')

interface Sum {
  readonly failed: number
  readonly sent: number
}

/** Stops load, and resolves to its sums. Fails if a load had ended before, as each does after ten minutes. */
export async function sumOf(running: readonly Load[]): Promise<Sum> {
  const reports = await Promise.all(running.map(load => load.stop()))
  for (const { endedBy } of reports) expect(endedBy).toBe('stop')
  const sum = (key: 'failed' | 'sent') => reports.reduce((total, report) => total + report[key], 0)
  return { failed: sum('failed'), sent: sum('sent') }
}

/** Switches for which one load runs, which has a limit of its own. */
const ROUND = 20

/** Milliseconds that this many switches may take: several times as many as they need, because the machine may be busy. */
export const timeOf = (switches: number): number => Math.max(600_000, 30_000 * switches)

/** Switches to and fro under load, and resolves to what the load has counted. */
export async function switchUnderLoad(shop: Shop, switches: number): Promise<Sum> {
  const total = { failed: 0, sent: 0 }
  for (let begin = 0; begin < switches; begin += ROUND) {
    const running = await shop.load()
    for (let i = begin; i < Math.min(begin + ROUND, switches); i++)
      await shop.done('promote', otherOf((await shop.serving())[0]))
    const { failed, sent } = await sumOf(running)
    total.failed += failed
    total.sent += sent
    if (switches > ROUND)
      process.stdout.write(
        `${Math.min(begin + ROUND, switches)} of ${switches}: ${total.failed} of ${total.sent} failed\n`,
      )
  }
  return total
}
