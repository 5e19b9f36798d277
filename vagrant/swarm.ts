/** The hosts of a rehearsal on Docker Swarm: three engines on this machine, as in the tests. */
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startSwarm, type TestSwarm } from '../dev/swarm.ts'
import type { RehearsalHost } from './machine.ts'

const NODES = [1, 2, 3]
const PROGRAM = fileURLToPath(new URL('../dev/swarm.sh', import.meta.url))

/** @param app the name of the application, whose live tasks the control ends */
export async function openRehearsalSwarm({ keep, app }: { keep: boolean; app: string }): Promise<RehearsalHost> {
  const swarm = await startSwarm(NODES.length)
  const { sshConfigFile, registry, routerImage } = swarm
  const engine = (await swarm.exec(1, "docker version --format '{{.Server.Version}}'; nproc")).trim().split('\n')
  const folder = dirname(sshConfigFile)
  return {
    description: `a swarm of three engines on this machine: Docker ${engine[0]}, ${engine[1]} cores for all of them`,
    alias: 'm1',
    sshConfigFile,
    url: swarm.url(1),
    nodes: Object.fromEntries(NODES.map(node => [`n${node}`, swarm.url(node)])),
    environment: { MANAGER: 'm1', REGISTRY: registry, ROUTER_IMAGE: routerImage },
    control: { title: 'the tasks of blue ended and started again', lose: () => restarted(swarm, `${app}_blue`) },
    enter: `ssh -F ${sshConfigFile} m1`,
    remove: `${PROGRAM} down ${folder}/machines && rm -r ${folder}`,
    [Symbol.asyncDispose]: () => (keep ? Promise.resolve() : swarm[Symbol.asyncDispose]()),
  }
}

/**
 * Ends all tasks of a service, and starts as many once no node answers with any. So it must lose requests: from then until the first task runs again, every
 * router answers with 503.
 */
async function restarted(swarm: TestSwarm, service: string): Promise<void> {
  const count = `docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' ${service}`
  const replicas = (await swarm.exec(1, count)).trim()
  await swarm.exec(1, `docker service scale --detach ${service}=0`)
  await answers(swarm, 503)
  await swarm.exec(1, `docker service scale --detach ${service}=${replicas}`)
  await answers(swarm, 200)
}

/** Milliseconds that a node may take to answer. */
const PATIENCE = 2_000

/** Waits until each node answers with a status, at most a minute. */
async function answers(swarm: TestSwarm, status: number): Promise<void> {
  const end = performance.now() + 60_000
  // A connection that the router has just closed is no answer either.
  const ask = (node: number) => fetch(swarm.url(node), { signal: AbortSignal.timeout(PATIENCE) })
  const statusOf = async (node: number) => (await ask(node).catch(() => undefined))?.status
  const all = () => Promise.all(NODES.map(statusOf))
  while (!(await all()).every(found => found === status)) {
    if (performance.now() > end) throw new Error(`Not all nodes answer with status ${status}.`)
    await sleep(100)
  }
}
