/** Creates the host of a rehearsal: a container as in the tests, or the machine of the Vagrantfile. */
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
  /** Human-readable description, with the versions of the system and of nginx. */
  readonly description: string
  /** The host's name in `sshConfigFile`. */
  readonly alias: string
  readonly sshConfigFile: string
  /** The URL of its web server. */
  readonly url: string
  /** The URLs of the site by the names of the nodes, if it has several. */
  readonly nodes?: Readonly<Record<string, string>>
  /** More variables for its commands. */
  readonly environment?: Readonly<Record<string, string>>
  /** Something that is known to lose requests, to see that the load counts them. */
  readonly control?: { readonly title: string; lose(): Promise<void> }
  /** The command line that logs in to the host. */
  readonly enter: string
  /** The command line that deletes the host. */
  readonly remove: string
}

export interface RehearsalOptions {
  readonly vagrant: boolean
  /** Keeps the host after this process has ended. */
  readonly keep: boolean
  /** Whether the host runs containers itself. */
  readonly engines?: boolean | undefined
  /** Called with each long-running command, so that an interruption can wait for it to exit. */
  watch(child: ChildProcess): void
}

/** Creates the host. If that fails, everything that was created is removed. */
export async function openRehearsalHost(options: RehearsalOptions): Promise<RehearsalHost> {
  const host = options.vagrant ? await vagrantHost(options) : await containerHost(options)
  try {
    const command = '/usr/sbin/nginx -v 2>&1; . /etc/os-release; echo "$PRETTY_NAME"; nproc'
    const { stdout } = await run('ssh', ['-F', host.sshConfigFile, host.alias, command])
    const [nginx, system, cores] = stdout.trim().split('\n')
    return {
      ...host,
      description: `${host.description}: ${system}, ${nginx?.replace('nginx version: ', '')}, ${cores} cores`,
    }
  } catch (error) {
    await host[Symbol.asyncDispose]()
    throw error
  }
}

async function containerHost({ keep, engines = false }: RehearsalOptions): Promise<RehearsalHost> {
  const host = await startHost({ keep, engines })
  return {
    description: 'a container',
    alias: host.alias,
    sshConfigFile: host.sshConfigFile,
    url: `http://127.0.0.1:${host.httpPort}`,
    enter: `ssh -F ${host.sshConfigFile} ${host.alias}`,
    remove: `docker rm --force --volumes ${host.id.slice(0, 12)}`,
    [Symbol.asyncDispose]: () => host.stop(),
  }
}

/** Runs `vagrant up` with the provider in VAGRANT_DEFAULT_PROVIDER, by default docker. */
async function vagrantHost({ watch }: RehearsalOptions): Promise<RehearsalHost> {
  const found = await findProgram('vagrant')
  if ('missing' in found) throw new Error(`The machine of vagrant/Vagrantfile requires Vagrant: ${found.missing}.`)
  const provider = process.env.VAGRANT_DEFAULT_PROVIDER ?? 'docker'
  const env = { ...process.env, VAGRANT_DEFAULT_PROVIDER: provider }
  const vagrant = (...args: string[]) => run(found.program, args, { cwd: HERE, env })
  if (provider === 'docker') await ensureBaseImage()
  const [, state] = /,state,(\w+)/.exec((await vagrant('status', '--machine-readable')).stdout) ?? []
  if (state !== 'not_created')
    throw new Error(
      `A Vagrant machine already exists (${state}), but a rehearsal needs a new one, which it destroys afterwards.\n` +
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
    if (code !== 0) throw new Error(`vagrant up failed with exit code ${code}`)
    const { stdout: config } = await vagrant('ssh-config', '--host', 'life-test')
    const sshConfigFile = join(folder, 'ssh_config')
    const knownHosts = join(folder, 'known_hosts')
    const strict = config
      .replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${knownHosts}`)
      .replace(/StrictHostKeyChecking .*/, 'StrictHostKeyChecking yes')
    await writeFile(sshConfigFile, strict)
    await writeFile(knownHosts, await hostKeys(config))
    return {
      description: `a machine of Vagrant's ${provider} provider`,
      alias: 'life-test',
      sshConfigFile,
      // The port that the Vagrantfile forwards, because the load generator only sends to addresses of this machine.
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

/** The host keys of the new machine. They can be trusted, because the machine was just created locally. */
async function hostKeys(config: string): Promise<string> {
  const [, name = ''] = /HostName (\S+)/.exec(config) ?? []
  const [, port = '22'] = /Port (\d+)/.exec(config) ?? []
  return (await run('ssh-keyscan', ['-p', port, name])).stdout
}
