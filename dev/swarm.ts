/** A Docker Swarm of machines on this one: `swarm.sh` beside this file says how. As root on Linux; it installs what is missing on Debian. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureRouterImage, ensureSwarmTools, heldLock } from './engine.ts'

const run = promisify(execFile)
const PROGRAM = fileURLToPath(new URL('swarm.sh', import.meta.url))

export interface TestSwarm extends AsyncDisposable {
  /** The ssh configuration in which `n1` and so on, and `m1` for the manager, just work. */
  readonly sshConfigFile: string
  /** A registry that all nodes reach, without the name of a repository. */
  readonly registry: string
  /** An image for the routers, which that registry has. */
  readonly routerImage: string
  /** The URL of the site on a node, counted from 1. */
  url(node: number): string
  /** Runs a line of bash as root on a node. Rejects with its output if it fails. */
  exec(node: number, command: string): Promise<string>
  /** A power failure. */
  kill(node: number): Promise<void>
  /** Boots a node again, if it is down. */
  boot(node: number): Promise<void>
  /** Takes its cable out, and puts it back. */
  cut(node: number): Promise<void>
  mend(node: number): Promise<void>
  /** `kill` or `cut` of a node as soon as the deploying user of a manager has such a file in the home folder. @default that of n1 */
  when(files: string, what: 'kill' | 'cut', node: number, manager?: number): Promise<void>
  stopRegistry(): Promise<void>
  startRegistry(): Promise<void>
}

/** Boots a swarm, one at a time on this machine: its addresses are fixed. The first nodes are its managers. */
export async function startSwarm(nodes = 3, managers = 1): Promise<TestSwarm> {
  await ensureSwarmTools()
  const image = await ensureRouterImage()
  const lock = await heldLock('switchyard-swarm')
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-swarm-'))
  // The sshd of a machine reads the key as the deploying user.
  await chmod(folder, 0o711)
  const machines = join(folder, 'machines')
  const sh = async (command: string, ...words: string[]) =>
    (await run(PROGRAM, [command, machines, ...words], { maxBuffer: 64 * 1024 * 1024 })).stdout
  const stop = async () => {
    await sh('down')
    await rm(folder, { recursive: true, force: true })
    await lock[Symbol.asyncDispose]()
  }
  try {
    await sh('up', String(nodes), String(managers))
    const registry = '10.77.0.254:5000'
    const routerImage = `${registry}/router:1`
    const archive = join(folder, 'router.tar')
    await run('docker', ['save', '--output', archive, image])
    await sh('in', '1', 'docker', 'load', '--quiet', '--input', archive)
    await sh('in', '1', 'docker', 'tag', image, routerImage)
    await sh('in', '1', 'docker', 'push', '--quiet', routerImage)
    const sshConfigFile = join(folder, 'ssh_config')
    const hosts = Array.from(
      { length: nodes },
      (_, i) => `Host n${i + 1}${i === 0 ? ' m1' : ''}\n  HostName ${addressOf(i + 1)}\n`,
    )
    await writeFile(
      sshConfigFile,
      `${hosts.join('')}Host *\n  User deploy\n  IdentityFile ${join(machines, 'key')}\n  UserKnownHostsFile ${join(folder, 'known_hosts')}\n  StrictHostKeyChecking accept-new\n`,
    )
    return {
      sshConfigFile,
      registry,
      routerImage,
      url: node => `http://${addressOf(node)}`,
      exec: (node, command) => sh('in', String(node), 'bash', '-euc', command),
      kill: async node => void (await sh('kill', String(node))),
      boot: async node => void (await sh('boot', String(node))),
      cut: async node => void (await sh('cut', String(node))),
      mend: async node => void (await sh('mend', String(node))),
      when: async (files, what, node, manager = 1) =>
        void (await sh('when', String(manager), files, what, String(node))),
      stopRegistry: async () => void (await sh('registry', 'down')),
      startRegistry: async () => void (await sh('registry', 'up')),
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const addressOf = (node: number) => `10.77.0.${node}`
