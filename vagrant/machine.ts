/** The host of a rehearsal: a container as in the tests, or the machine that the Vagrantfile describes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureBaseImage } from '../dev/engine.ts'
import { startHost } from '../dev/host.ts'
import { findProgram } from '../dev/install.ts'

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
  /** Hears of a command that takes its time, so that an interruption can wait for its end. */
  watch(child: ChildProcess): void
}

/** Makes the host. What fails half way leaves nothing behind. */
export async function openRehearsalHost(options: RehearsalOptions): Promise<RehearsalHost> {
  const host = options.vagrant ? await vagrantHost(options) : await containerHost(options.keep)
  try {
    const ask = '/usr/sbin/nginx -v 2>&1; . /etc/os-release; echo "$PRETTY_NAME"; nproc'
    const { stdout } = await run('ssh', ['-F', host.sshConfigFile, host.alias, ask])
    const [nginx, system, cores] = stdout.trim().split('\n')
    return { ...host, about: `${host.about}: ${system}, ${nginx?.replace('nginx version: ', '')}, ${cores} cores` }
  } catch (error) {
    await host[Symbol.asyncDispose]()
    throw error
  }
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
async function vagrantHost({ watch }: RehearsalOptions): Promise<RehearsalHost> {
  const found = await findProgram('vagrant')
  if ('missing' in found) throw new Error(`The machine of vagrant/Vagrantfile needs Vagrant: ${found.missing}.`)
  const provider = process.env.VAGRANT_DEFAULT_PROVIDER ?? 'docker'
  const env = { ...process.env, VAGRANT_DEFAULT_PROVIDER: provider }
  const vagrant = (...words: string[]) => run(found.program, words, { cwd: HERE, env })
  if (provider === 'docker') await ensureBaseImage()
  const [, state] = /,state,(\w+)/.exec((await vagrant('status', '--machine-readable')).stdout) ?? []
  if (state !== 'not_created')
    throw new Error(
      `There is a machine of Vagrant's already (${state}), and a rehearsal wants a new one, which it throws away.\n` +
        'Remove yours first: cd vagrant && vagrant destroy -f',
    )
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-vagrant-'))
  const dispose = async () => {
    await vagrant('destroy', '--force')
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const up = spawn(found.program, ['up', `--provider=${provider}`], { cwd: HERE, stdio: 'inherit' })
    watch(up)
    const [code] = await once(up, 'close')
    if (code !== 0) throw new Error(`vagrant up ended with ${code}`)
    const { stdout: config } = await vagrant('ssh-config', '--host', 'life-test')
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
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** The new machine's keys, trusted because it was made a moment ago on this very machine. */
async function hostKeys(config: string): Promise<string> {
  const [, name = ''] = /HostName (\S+)/.exec(config) ?? []
  const [, port = '22'] = /Port (\d+)/.exec(config) ?? []
  return (await run('ssh-keyscan', ['-p', port, name])).stdout
}
