/**
 * Provides what the host tests need: some programs, a Docker engine, the Debian base image, and the image of the rehearsal host.
 * Takes a tenth of a second if everything exists. As root on Debian, missing parts are installed and built; elsewhere the error
 * says what to install.
 */
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const context = fileURLToPath(new URL('../vagrant/', import.meta.url))
/** The Dockerfile and the files that vagrant/.dockerignore includes. */
const contextFiles = ['Dockerfile', 'container-init.sh', 'provision.sh']
/** Programs that the host tests and the rehearsal need besides Docker, with the Debian package of each. */
const tools = { git: 'git', ps: 'procps', script: 'bsdutils', ssh: 'openssh-client', 'ssh-keygen': 'openssh-client' }
const baseImage = 'debian:bookworm-slim'
const engineLog = join(tmpdir(), 'switchyard-dockerd.log')
const enginePid = join(tmpdir(), 'switchyard-dockerd.pid')

/**
 * Makes sure that a Docker engine runs. Installs and starts one only as root on Debian; it keeps running after this process, with
 * its log and pid in `switchyard-dockerd.{log,pid}` in the temp folder. Callers in other processes wait for the first one.
 *
 * @throws an Error that says what to do if there is no engine and none can be started
 */
export async function ensureEngine(): Promise<void> {
  if ((await engineTrouble()) === undefined) return
  await withLock(async () => {
    const trouble = await engineTrouble()
    if (trouble === undefined) return
    if (!canInstall() || process.env.DOCKER_HOST) {
      throw new Error(
        `No Docker engine answers: ${trouble}\n` +
          'Install Docker Engine (20.10 or newer) or Docker Desktop, start it, and let this user reach it ' +
          '(`docker info` has to succeed). As root on Debian 12 it is installed automatically.',
      )
    }
    await install({ docker: 'docker.io', dockerd: 'docker.io', iptables: 'iptables' })
    await startEngine()
  })
}

/** Makes sure that the other programs are installed. Throws with what to install if that is not possible here. */
async function ensureTools(): Promise<void> {
  const missing = Object.keys(tools).filter(name => !onPath(name))
  if (missing.length === 0) return
  if (!canInstall())
    throw new Error(
      `Not found: ${missing.join(', ')}. Install them; as root on Debian 12 they are installed automatically.`,
    )
  await withLock(() => install(tools))
}

/** Makes sure that the image `debian:bookworm-slim` exists: pulls it or, as root on Debian, bootstraps it from Debian's packages (20 s). */
export async function ensureBaseImage(): Promise<void> {
  await ensureEngine()
  if (await imageExists(baseImage)) return
  await withLock(async () => {
    if (await imageExists(baseImage)) return
    const pulled = await attempt(run('docker', ['pull', '--quiet', baseImage], { timeout: 60_000 }))
    if (pulled === undefined) return
    if (!canInstall()) throw new Error(`The image ${baseImage} cannot be pulled: ${pulled}`)
    await install({ mmdebstrap: 'mmdebstrap' })
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-base-'))
    try {
      const archive = join(folder, 'debian.tar')
      await run('mmdebstrap', ['--quiet', '--variant=minbase', 'bookworm', archive])
      await run('docker', ['import', '--change', 'CMD ["bash"]', archive, baseImage])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}

/**
 * Builds the image of the rehearsal host from `vagrant/` if it does not exist. Resolves to its name. The tag is a hash of its
 * files, so each version is built once on a machine.
 */
export async function ensureHostImage(): Promise<string> {
  const hash = createHash('sha256')
  for (const name of contextFiles) {
    hash.update(`${name}\0`).update(await readFile(join(context, name)))
  }
  const image = `switchyard-host:${hash.digest('hex').slice(0, 12)}`
  await ensureTools()
  await ensureEngine()
  if (await imageExists(image)) return image
  await ensureBaseImage()
  await withLock(async () => {
    if (await imageExists(image)) return
    await run('docker', ['build', ...proxyArguments(), '--tag', image, context], { maxBuffer: 64 * 1024 * 1024 })
  })
  return image
}

/** Programs for machines with namespaces of their own, with the Debian package of each. */
const swarmTools = {
  'docker-registry': 'docker-registry',
  curl: 'curl',
  ip: 'iproute2',
  iptables: 'iptables',
  nsenter: 'util-linux',
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  tini: 'tini',
}

/** Makes sure that this machine can be several: a Docker engine, and the programs for `swarm.sh`. */
export async function ensureSwarmTools(): Promise<void> {
  await ensureEngine()
  const missing = Object.keys(swarmTools).filter(name => !onPath(name))
  if (missing.length === 0) return
  if (!canInstall()) throw new Error(`A swarm on this machine needs root on Debian 12, and ${missing.join(', ')}.`)
  await withLock(() => install(swarmTools))
}

/** Makes sure that a registry can run on this machine: a Docker engine, the program, and what makes its certificate and its passwords. */
export async function ensureRegistryTools(): Promise<void> {
  await ensureEngine()
  const registryTools = { 'docker-registry': 'docker-registry', openssl: 'openssl', perl: 'perl' }
  const missing = Object.keys(registryTools).filter(name => !onPath(name))
  if (missing.length === 0) return
  if (!canInstall()) throw new Error(`A registry on this machine needs ${missing.join(', ')}, and root on Debian 12.`)
  await withLock(() => install(registryTools))
}

/** Builds an image with HAProxy, for the routers of a swarm. Resolves to its name. */
export async function ensureRouterImage(): Promise<string> {
  await ensureBaseImage()
  const dockerfile = `FROM ${baseImage}
RUN apt-get update -q -o Acquire::Languages=none \\
  && apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io haproxy \\
  && apt-get clean && rm -rf /var/lib/apt/lists/*
`
  return ensureBuilt('switchyard-router', dockerfile)
}

/** Debian packages of the host with container engines. */
const enginePackages = ['crun', 'docker.io', 'podman', 'uidmap']

/** As `ensureHostImage`, with Podman and Docker on the host, of which none is started at the boot. */
export async function ensureEnginesImage(): Promise<string> {
  const host = await ensureHostImage()
  const dockerfile = `FROM ${host}
RUN export DEBIAN_FRONTEND=noninteractive \\
  && apt-get update -q -o Acquire::Languages=none \\
  && apt-get install -y -q --no-install-recommends -o DPkg::Options::=--force-unsafe-io ${enginePackages.join(' ')} \\
  && apt-get clean && rm -rf /var/lib/apt/lists/* \\
  && systemctl disable containerd.service docker.service docker.socket podman.service podman.socket \\
    podman-auto-update.service podman-auto-update.timer podman-restart.service
`
  return ensureBuilt('switchyard-engines', dockerfile)
}

/** Builds an image from a Dockerfile alone, if it does not exist. Resolves to its name, whose tag is a hash of the file. */
async function ensureBuilt(name: string, dockerfile: string): Promise<string> {
  const image = `${name}:${createHash('sha256').update(dockerfile).digest('hex').slice(0, 12)}`
  if (await imageExists(image)) return image
  await withLock(async () => {
    if (await imageExists(image)) return
    const build = run('docker', ['build', ...proxyArguments(), '--tag', image, '-'], { maxBuffer: 64 * 1024 * 1024 })
    build.child.stdin?.end(dockerfile)
    await build
  })
  return image
}

/** Removes what `provision.sh` installs for a deploy, so that the machine is as it was rented: root logs in with a key, and nobody else. */
const BARE = `export DEBIAN_FRONTEND=noninteractive SUDO_FORCE_REMOVE=yes \\
  && apt-get purge -y -q --auto-remove nginx nginx-common sudo curl \\
  && userdel --remove vagrant && rm -f /etc/sudoers.d/vagrant \\
  && echo 'UseDNS no' > /etc/ssh/sshd_config.d/rehearsal.conf \\
  && install -d -m 0700 /root/.ssh`

/** As `ensureHostImage`, a server on which nothing was prepared. */
export async function ensureBareImage(): Promise<string> {
  return ensureBuilt('switchyard-bare', `FROM ${await ensureHostImage()}\nENV LOGIN=root\nRUN ${BARE}\n`)
}

/** Build arguments that apt needs behind a proxy. Docker predefines them and keeps them out of the image. */
export function proxyArguments(): string[] {
  return ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
    .filter(name => process.env[name])
    .flatMap(name => ['--build-arg', name])
}

async function imageExists(image: string): Promise<boolean> {
  return (await attempt(run('docker', ['image', 'inspect', image]))) === undefined
}

/** Why `docker` cannot reach an engine, or undefined when it can. */
async function engineTrouble(): Promise<string | undefined> {
  return attempt(run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 20_000 }))
}

/** The error message of a command, or undefined if it succeeded. */
async function attempt(command: Promise<unknown>): Promise<string | undefined> {
  try {
    await command
    return undefined
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim()
    return stderr || (error as Error).message
  }
}

function canInstall(): boolean {
  if (process.getuid?.() !== 0) return false
  try {
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8')) && onPath('apt-get')
  } catch {
    return false
  }
}

function onPath(program: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Installs the packages of missing programs. `programs` maps the name of a program to its Debian package. */
async function install(programs: Record<string, string>): Promise<void> {
  const missing = new Set(
    Object.keys(programs)
      .filter(name => !onPath(name))
      .map(name => programs[name] as string),
  )
  if (missing.size === 0) return
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', [...wait, 'update'], options)
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...missing], options)
}

async function startEngine(): Promise<void> {
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'docker'])
    return
  }
  // Which storage driver works depends on the kernel; vfs is slow and needs space, but works everywhere.
  for (const storage of [[], ['--storage-driver', 'vfs']]) {
    const log = openSync(engineLog, 'w', 0o600)
    // Ports that are published without an address are bound to 127.0.0.1.
    const options = ['--ip', '127.0.0.1', ...storage]
    const engine = spawn('dockerd', options, { detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    writeFileSync(enginePid, `${engine.pid}\n`)
    const ended = once(engine, 'exit')
    const end = Date.now() + 60_000
    while (engine.exitCode === null && engine.signalCode === null && Date.now() < end) {
      if ((await engineTrouble()) === undefined) {
        engine.unref()
        return
      }
      await sleep(100)
    }
    engine.kill()
    await ended
  }
  const log = readFileSync(engineLog, 'utf8').trim().split('\n').slice(-5).join('\n')
  throw new Error(`dockerd does not come up. The end of ${engineLog}:\n${log}`)
}

/**
 * Runs `work` in one process at a time. A `flock` process holds the lock, and ends with this process in any case. Only Linux has
 * flock; elsewhere the worst case is an image that is built twice.
 */
export async function withLock<T>(work: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return work()
  await using _ = await heldLock('switchyard-engine')
  return await work()
}

/** Waits until no other process holds the lock of this name, and holds it until it is disposed of. */
export async function heldLock(name: string): Promise<AsyncDisposable> {
  const file = join(tmpdir(), `${name}-${process.getuid?.()}.lock`)
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; cat >/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(holder, 'exit')
  const held = await Promise.race([once(holder.stdout, 'data').then(() => true), gone.then(() => false)])
  if (!held) throw new Error(`flock could not lock ${file}`)
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end()
      await gone
    },
  }
}
