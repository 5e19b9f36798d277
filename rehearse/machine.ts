/** Throw-away hosts: containers with systemd and sshd, on which only root can log in. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { quote } from '../host/script.ts'
import type { Rehearsal } from '../runner/rehearsal.ts'
import { docker, outputOf } from './docker.ts'
import { rehearseFaults } from './faults.ts'

const run = promisify(execFile)

/** A host of the Taskfile. */
export interface Wanted {
  /** As in the Taskfile. */
  readonly name: string
  /** The account that the Taskfile logs in as. */
  readonly user: string
}

export interface MachineOptions {
  readonly image: string
  /** The port on which the router answers. */
  readonly port: number
  readonly https: boolean
  /** The files of a certificate for the site, which root gets. */
  readonly certificate: { readonly certificate: string; readonly key: string; readonly site: string } | undefined
  /** Whether the host runs containers itself. */
  readonly engines: boolean
  /** Keeps the hosts after this process has ended. */
  readonly keep: boolean
  readonly signal: AbortSignal
}

export interface Machine extends Wanted {
  /** Its name in the ssh configuration. */
  readonly alias: string
  /** The name of its container. */
  readonly container: string
  /** Where its router answers. */
  readonly url: string
  /** Such as `Debian GNU/Linux 12 (bookworm), 2 cores`. */
  readonly description: string
}

export interface Machines extends AsyncDisposable {
  readonly all: readonly Machine[]
  /** Holds the keys, the ssh configuration and what the runs read. */
  readonly folder: string
  readonly rehearsal: Rehearsal
}

/** The options of `docker run`. Ports are open on this machine alone. */
export function runOptions(
  name: string,
  hostname: string,
  { port, engines }: Pick<MachineOptions, 'port' | 'engines'>,
) {
  const ports = [22, port].flatMap(inside => ['--publish', `127.0.0.1::${inside}`])
  const confined = ['seccomp=unconfined', 'apparmor=unconfined', ...(engines ? ['systempaths=unconfined'] : [])]
  return [
    ...['--detach', '--name', name, '--hostname', hostname, '--label', 'switchyard.rehearsal=true'],
    ...['SYS_ADMIN', ...(engines ? ['NET_ADMIN', 'SYS_PTRACE'] : [])].flatMap(each => ['--cap-add', each]),
    ...confined.flatMap(each => ['--security-opt', each]),
    ...['--cgroupns', 'private', '--tmpfs', '/run', '--tmpfs', '/run/lock'],
    // The layers of an image cannot be on the overlay of a container.
    ...(engines ? ['--volume', '/var/lib/docker', '--volume', '/var/lib/containers'] : []),
    ...['--env', 'AUTHORIZED_KEY', ...ports],
  ]
}

/** The host name of a target such as `ssh://deploy@web-1:2222`. */
export const hostnameOf = (target: string): string =>
  target
    .replace(/^(?:ssh:\/\/)?(?:[^@]*@)?/, '')
    .replace(/:\d+$/, '')
    .replace(/[^A-Za-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63) || 'host'

/** Starts a host for each of the Taskfile. If that fails, everything that was created is removed. @throws REHEARSAL_HOST_FAILED */
export async function startMachines(wanted: readonly Wanted[], options: MachineOptions): Promise<Machines> {
  const id = randomBytes(4).toString('hex')
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-rehearsal-'))
  const named = wanted.map((host, i) => ({
    ...host,
    alias: `rehearsal-${i + 1}`,
    container: `switchyard-rehearsal-${id}-${i + 1}`,
  }))
  const remover = armRemover(
    named.map(({ container }) => container),
    folder,
    options.keep,
  )
  try {
    const keyFile = join(folder, 'id_ed25519')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'rehearsal', '-f', keyFile])
    const key = (await readFile(`${keyFile}.pub`, 'utf8')).trim()
    // What begins while another host fails has to exist before it can be removed.
    const starting = await Promise.allSettled(named.map(host => start(host, key, options)))
    const started = starting.map(result => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    await writeFile(join(folder, 'known_hosts'), started.map(({ known }) => known).join(''))
    const sshConfig = join(folder, 'ssh_config')
    await writeFile(sshConfig, started.map(({ alias, user, ssh }) => sshBlock(alias, user, ssh, folder)).join('\n'))
    const hosts = Object.fromEntries(started.map(({ name, alias }) => [name, alias]))
    return { all: started, folder, rehearsal: { sshConfig, hosts }, [Symbol.asyncDispose]: remover }
  } catch (error) {
    await remover()
    throw error
  }
}

async function start(host: Wanted & Pick<Machine, 'alias' | 'container'>, key: string, options: MachineOptions) {
  const { container, name } = host
  const { image, signal, port, engines } = options
  signal.throwIfAborted()
  try {
    const env = { ...process.env, AUTHORIZED_KEY: key }
    await run('docker', ['run', ...runOptions(container, hostnameOf(name), options), image], { env })
    const inside = (command: string) => docker(['exec', container, 'sh', '-c', command], signal)
    await inside(`for i in $(seq 100); do [ -S /run/systemd/private ] && break; sleep 0.1; done
      timeout 60 systemctl is-system-running --wait | grep -Eq 'running|degraded'`)
    // As on a real machine, an engine can make control groups.
    if (engines)
      await inside('for folder in /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$folder" 2> /dev/null || :; done')
    if (options.certificate) await inside(selfSigned(options.certificate))
    const keys = await inside('cat /etc/ssh/ssh_host_*_key.pub')
    const description = await inside('. /etc/os-release; echo "$PRETTY_NAME, $(nproc) cores"')
    const [ssh, http] = await Promise.all([22, port].map(inside => publishedPort(container, inside, signal)))
    return {
      ...host,
      ssh: ssh ?? 0,
      url: `${options.https ? 'https' : 'http'}://127.0.0.1:${http}`,
      description,
      known: keys.replace(/^/gm, `[127.0.0.1]:${ssh} `).concat('\n'),
    }
  } catch (error) {
    signal.throwIfAborted()
    const log = await docker(['logs', '--tail', '20', container]).catch(() => '')
    throw rehearseFaults.REHEARSAL_HOST_FAILED({ host: name, output: [outputOf(error), log].join('\n').trim() }, error)
  }
}

/** A command that makes a certificate which nobody trusts, and which no part of a deploy verifies. */
export function selfSigned({ certificate, key, site }: NonNullable<MachineOptions['certificate']>): string {
  const [at, of] = [certificate, key].map(path => quote(path)) as [string, string]
  const name = quote(`subjectAltName=DNS:${site.replace(/:\d+$/, '')}`)
  return `mkdir -p "$(dirname ${at})" "$(dirname ${of})"
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rehearsal -addext ${name} -keyout ${of} -out ${at}
    chmod 0600 ${of}`
}

async function publishedPort(container: string, inside: number, signal: AbortSignal): Promise<number> {
  const text = await docker(['port', container, `${inside}/tcp`], signal)
  return Number(/:(\d+)$/m.exec(text)?.[1])
}

const sshBlock = (alias: string, user: string, port: number, folder: string): string => `Host ${alias}
  HostName 127.0.0.1
  Port ${port}
  User ${user}
  IdentityFile "${join(folder, 'id_ed25519')}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${join(folder, 'known_hosts')}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
`

/** Starts a process that removes the hosts and the folder when its input ends: with this process, however that ends. */
function armRemover(containers: readonly string[], folder: string, keep: boolean): () => Promise<void> {
  if (keep) return async () => undefined
  const script = 'cat; folder=$1; shift; docker rm --force --volumes "$@"; rm -rf "$folder"'
  const remover = spawn('sh', ['-c', script, 'sh', folder, ...containers], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const ended = once(remover, 'exit')
  remover.unref()
  return async () => {
    remover.ref()
    remover.stdin.end()
    await ended
  }
}
