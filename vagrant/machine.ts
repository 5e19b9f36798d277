/** The host of a rehearsal: a container as in the tests, or the machine that the Vagrantfile describes. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureBaseImage } from '../test/support/engine.ts'
import { startHost } from '../test/support/host.ts'

const run = promisify(execFile)
const HERE = fileURLToPath(new URL('.', import.meta.url))

export interface RehearsalHost extends AsyncDisposable {
  /** For people: what it is, and which versions of the router and the system it has. */
  readonly about: string
  /** The host's name in `sshConfigFile`. */
  readonly alias: string
  readonly sshConfigFile: string
  /** Where its web server answers. */
  readonly url: string
  /** The command lines that enter the host, and that throw it away. */
  readonly enter: string
  readonly remove: string
}

export interface RehearsalOptions {
  readonly vagrant: boolean
  /** Leaves the host when this process ends. */
  readonly keep: boolean
}

export async function openRehearsalHost(options: RehearsalOptions): Promise<RehearsalHost> {
  const host = options.vagrant ? await vagrantHost() : await containerHost(options.keep)
  const ask = '/usr/sbin/nginx -v 2>&1; . /etc/os-release; echo "$PRETTY_NAME"; nproc'
  const { stdout } = await run('ssh', ['-F', host.sshConfigFile, host.alias, ask])
  const [nginx, system, cores] = stdout.trim().split('\n')
  return { ...host, about: `${host.about}: ${system}, ${nginx?.replace('nginx version: ', '')}, ${cores} cores` }
}

async function containerHost(keep: boolean): Promise<RehearsalHost> {
  const host = await startHost({ keep })
  return {
    about: 'a container',
    alias: host.alias,
    sshConfigFile: host.sshConfigFile,
    url: `http://127.0.0.1:${host.httpPort}`,
    enter: `ssh -F ${host.sshConfigFile} ${host.alias}`,
    remove: `docker rm --force --volumes ${host.id.slice(0, 12)}`,
    [Symbol.asyncDispose]: () => host.stop(),
  }
}

/** `vagrant up` with the provider that Vagrant would take, or the container where VirtualBox is not installed. */
async function vagrantHost(): Promise<RehearsalHost> {
  const provider = process.env.VAGRANT_DEFAULT_PROVIDER ?? 'docker'
  if (provider === 'docker') await ensureBaseImage()
  const up = spawn('vagrant', ['up', `--provider=${provider}`], { cwd: HERE, stdio: 'inherit' })
  const [code] = await once(up, 'close')
  if (code !== 0) throw new Error(`vagrant up ended with ${code}`)
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-vagrant-'))
  const { stdout: config } = await run('vagrant', ['ssh-config', '--host', 'life-test'], { cwd: HERE })
  const sshConfigFile = join(folder, 'ssh_config')
  const knownHosts = join(folder, 'known_hosts')
  const strict = config
    .replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${knownHosts}`)
    .replace(/StrictHostKeyChecking .*/, 'StrictHostKeyChecking yes')
  await writeFile(sshConfigFile, strict)
  await writeFile(knownHosts, await hostKeys(config))
  return {
    about: `a machine of Vagrant's ${provider} provider`,
    alias: 'life-test',
    sshConfigFile,
    // The port that the Vagrantfile forwards: load is sent to this machine's own addresses only.
    url: 'http://127.0.0.1:8040',
    enter: 'cd vagrant && vagrant ssh',
    remove: 'cd vagrant && vagrant destroy -f',
    async [Symbol.asyncDispose]() {
      await run('vagrant', ['destroy', '--force'], { cwd: HERE })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The new machine's keys, trusted because it was made a moment ago on this very machine. */
async function hostKeys(config: string): Promise<string> {
  const [, name = ''] = /HostName (\S+)/.exec(config) ?? []
  const [, port = '22'] = /Port (\d+)/.exec(config) ?? []
  return (await run('ssh-keyscan', ['-p', port, name])).stdout
}
