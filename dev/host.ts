/** A host to deploy to: a container with systemd, sshd, nginx and a user with sudo, reached over SSH. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers'
import { containerShells, type Outcome } from './container-shell.ts'
import { ensureBareImage, ensureEnginesImage, ensureHostImage } from './engine.ts'

const run = promisify(execFile)

export interface HostOptions {
  /** Ports of the container to publish besides 22 and 80. */
  ports?: readonly number[]
  /** Keeps the container and its keys when this process ends; `stop()` still removes them. @default false */
  keep?: boolean
  /**
   * The IPv6 of the host: addresses on its loopback interface; all of it disabled by sysctl; or none in its kernel, so that no socket of that family can
   * be created.
   *
   * @default 'disabled', which is what Docker's default network gives
   */
  ipv6?: 'loopback' | 'disabled' | 'missing'
  /** Installs Podman and Docker on the host, and allows it what they need. @default false */
  engines?: boolean
  /**
   * A server as it is rented: only root can log in, and there is no nginx, sudo or curl. The ssh configuration names the account `deploy`, which does not
   * exist.
   *
   * @default false
   */
  bare?: boolean
}

export interface TestHost extends AsyncDisposable {
  /** The container's id. */
  readonly id: string
  /** The ports of sshd and nginx on 127.0.0.1; they stay the same over a restart. */
  readonly sshPort: number
  readonly httpPort: number
  /** The port on 127.0.0.1 for a port of `HostOptions.ports` (or 22, 80). Throws for any other port. */
  port(containerPort: number): number
  /** The deploying user: key login, sudo without a password. `deploy` on a bare host. */
  readonly user: 'vagrant' | 'deploy'
  /** A private key, a known_hosts file with the host's real keys, and a config in which `ssh -F file life-test` just works. */
  readonly keyFile: string
  readonly knownHostsFile: string
  readonly sshConfigFile: string
  /** The name in `sshConfigFile`. */
  readonly alias: 'life-test'
  /** Units that failed while the host booted; normally empty. */
  readonly failedUnits: readonly string[]
  /** Its IP address, at which other hosts reach all of its ports. */
  address(): Promise<string>
  /** Runs a line of bash as root, beside SSH. Never throws for an exit code, only when the container ends meanwhile. */
  exec(command: string): Promise<Outcome>
  /** Copies a local file or folder to this path on the host, owned by root. Not into `/run`, which is a tmpfs. */
  copyIn(source: string, target: string): Promise<void>
  /** Reboots the host and waits until it is up. `powerLoss` kills it without a shutdown. */
  restart(options?: { powerLoss?: boolean }): Promise<void>
  /** Removes the container and its keys. Idempotent. */
  stop(): Promise<void>
}

/**
 * Boots a host, which takes about a second once the image exists. Its ports are open on 127.0.0.1 only. It is removed by `stop()`,
 * by `await using`, and when this process ends in any other way, including SIGKILL.
 */
export async function startHost(options: HostOptions = {}): Promise<TestHost> {
  const image = await imageOf(options)
  const user = options.bare ? 'deploy' : 'vagrant'
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-host-'))
  const name = `switchyard-test-${randomBytes(6).toString('hex')}`
  const remover = options.keep ? laterRemover(name, folder) : armRemover(name, folder)
  try {
    const keyFile = join(folder, 'id_ed25519')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', keyFile])
    const authorizedKey = (await readFile(`${keyFile}.pub`, 'utf8')).trim()
    const { container, ports } = await boot(image, name, authorizedKey, options)
    const port = (containerPort: number): number => {
      const found = ports.get(containerPort)
      if (found === undefined) throw new Error(`Port ${containerPort} was not published`)
      return found
    }
    const shells = containerShells(container.getId())
    const { exec } = shells
    if (options.engines) await exec(PREPARE_ENGINES)
    const failed = await exec('systemctl list-units --failed --plain --no-legend')
    const hostKeys = await exec('cat /etc/ssh/ssh_host_*_key.pub')
    const knownHostsFile = join(folder, 'known_hosts')
    await writeFile(knownHostsFile, hostKeys.stdout.replace(/^/gm, `[127.0.0.1]:${port(22)} `).trimEnd())
    const sshConfigFile = join(folder, 'ssh_config')
    await writeFile(sshConfigFile, sshConfig({ port: port(22), user, keyFile, knownHostsFile }))
    const stop = async () => {
      shells.close()
      await remover.remove()
    }
    return {
      id: container.getId(),
      sshPort: port(22),
      httpPort: port(80),
      port,
      user,
      keyFile,
      knownHostsFile,
      sshConfigFile,
      alias: 'life-test',
      failedUnits: failed.stdout.split('\n').flatMap(line => line.split(' ')[0] || []),
      address: async () => (await exec('hostname -I')).stdout.trim().split(' ')[0] ?? '',
      exec,
      async copyIn(source, target) {
        const isFolder = (await stat(source)).isDirectory()
        if (isFolder) await container.copyDirectoriesToContainer([{ source, target }])
        else await container.copyFilesToContainer([{ source, target }])
      },
      async restart({ powerLoss = false } = {}) {
        if (powerLoss) await losePower(container, exec)
        await container.restart({ timeout: 10_000 })
      },
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await remover.remove()
    throw error
  }
}

/**
 * Ends all processes at once, so that none sees another end. If systemd ended first, a program that talks to it would fail, and there would be time to report
 * that over SSH.
 */
async function losePower(container: StartedTestContainer, exec: TestHost['exec']): Promise<void> {
  // The shell that runs it is ended too.
  await exec('kill -KILL -1').catch(() => undefined)
  const client = await getContainerRuntimeClient()
  await client.container.getById(container.getId()).kill()
}

/** As on a real machine, Docker can make control groups. */
const PREPARE_ENGINES = 'for folder in /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$folder" 2> /dev/null || :; done'

/** A seccomp profile in which `socket(AF_INET6, ...)` fails with EAFNOSUPPORT, as it does with `ipv6.disable=1` on the kernel's command line. */
const WITHOUT_IPV6 = JSON.stringify({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    {
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 97,
      args: [{ index: 0, value: 10, op: 'SCMP_CMP_EQ' }],
    },
  ],
})

/** A container with the settings that systemd needs, some of which testcontainers has no methods for. */
class SystemdContainer extends GenericContainer {
  constructor(image: string, ports: ReadonlyMap<number, number>, { ipv6, engines = false }: HostOptions) {
    super(image)
    this.withExposedPorts(...ports.keys())
    this.withAddedCapabilities('SYS_ADMIN', ...(engines ? ['NET_ADMIN', 'SYS_PTRACE'] : []))
    this.withSecurityOpt(`seccomp=${ipv6 === 'missing' ? WITHOUT_IPV6 : 'unconfined'}`, 'apparmor=unconfined')
    this.withTmpFs({ '/run': '', '/run/lock': '' })
    // The remover cleans up; that of testcontainers would need another image.
    this.withAutoCleanup(false)
    this.withWaitStrategy(Wait.forSuccessfulCommand('systemctl is-system-running --wait | grep -Eq "running|degraded"'))
    this.withStartupTimeout(60_000)
    Object.assign(this.hostConfig, { CgroupnsMode: 'private' })
    if (ipv6 === 'loopback') this.hostConfig.Sysctls = { 'net.ipv6.conf.lo.disable_ipv6': '0' }
    // A container inside may mount its own /proc only if nothing of that of the host is masked.
    if (engines) Object.assign(this.hostConfig, { MaskedPaths: [], ReadonlyPaths: [] })
    // The layers of Docker's images cannot be on the overlay of a container.
    if (engines) this.createOpts.Volumes = { '/var/lib/docker': {} }
    this.hostConfig.PortBindings = Object.fromEntries(
      [...ports].map(([inside, outside]) => [`${inside}/tcp`, [{ HostIp: '127.0.0.1', HostPort: `${outside}` }]]),
    )
  }
}

/** Starts the container on free ports; tries other ports if another process takes one meanwhile. */
async function boot(
  image: string,
  name: string,
  authorizedKey: string,
  options: HostOptions,
): Promise<{ container: StartedTestContainer; ports: ReadonlyMap<number, number> }> {
  for (let attempt = 1; ; attempt += 1) {
    const ports = new Map<number, number>()
    for (const inside of [22, 80, ...(options.ports ?? [])]) ports.set(inside, await freePort([...ports.values()]))
    try {
      const container = await new SystemdContainer(image, ports, options)
        .withName(name)
        .withHostname('life-test')
        .withLabels({ 'switchyard.test': 'true' })
        .withEnvironment({ AUTHORIZED_KEY: authorizedKey })
        .start()
      return { container, ports }
    } catch (error) {
      if (attempt === 3 || !/already (allocated|in use)/.test(String(error))) throw error
      await run('docker', ['rm', '--force', '--volumes', name])
    }
  }
}

/**
 * A free port of 127.0.0.1. It is below the range of the kernel's ephemeral ports, so that a load test does not take it while the
 * host restarts.
 */
async function freePort(taken: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(20_000, 32_000)
    if (taken.includes(port)) continue
    const server = createServer().listen(port, '127.0.0.1')
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('No free port on 127.0.0.1 between 20000 and 32000')
}

/**
 * Starts a process that removes the container and the folder when its stdin ends, by `remove()` or with this process. So a failed
 * test, a Ctrl-C or a kill leaves nothing behind.
 */
function armRemover(name: string, folder: string): { remove: () => Promise<void> } {
  const script = `cat
    docker rm --force --volumes "$1"
    rm -rf "$2"
    ! docker container inspect "$1"`
  const remover = spawn('sh', ['-c', script, 'sh', name, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const ended = once(remover, 'exit')
  remover.unref()
  return {
    async remove() {
      remover.ref()
      remover.stdin.end()
      const [code] = await ended
      if (code !== 0) throw new Error(`The container ${name} could not be removed`)
    },
  }
}

/** Removes the container and the folder only by `remove()`. */
function laterRemover(name: string, folder: string): { remove: () => Promise<void> } {
  return {
    async remove() {
      await run('docker', ['rm', '--force', '--volumes', name])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const imageOf = ({ engines, bare }: HostOptions): Promise<string> =>
  bare ? ensureBareImage() : engines ? ensureEnginesImage() : ensureHostImage()

function sshConfig(to: { port: number; user: string; keyFile: string; knownHostsFile: string }): string {
  return `Host life-test
  HostName 127.0.0.1
  Port ${to.port}
  User ${to.user}
  IdentityFile "${to.keyFile}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${to.knownHostsFile}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
`
}
