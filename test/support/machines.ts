/** Several hosts for one application, with one SSH configuration, and a small application whose version can be set. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type HostOptions, startHost, type TestHost } from '../../dev/host.ts'
import { openLink } from '../../dev/links.ts'
import { type Running, runTask, runTaskInTerminal } from '../../dev/site.ts'
import { SERVER } from '../../dev/small-server.ts'
import { joinConfigs } from '../../dev/ssh-configs.ts'
import { writeApp } from './app.ts'

export interface Machines extends AsyncDisposable {
  /** In the order of the names. */
  readonly hosts: readonly TestHost[]
  readonly folder: string
  /** Sets the version of the next release. */
  version(text: string): Promise<void>
  /** Starts `task`, without waiting for its end. */
  start(args: readonly string[], more?: NodeJS.ProcessEnv): Running
  /** Starts `task` in a terminal. */
  inTerminal(args: readonly string[]): Running
  /** Runs `task`, expects this exit code, and resolves to its output. */
  ends(code: number, args: readonly string[], more?: NodeJS.ProcessEnv): Promise<string>
  /** Opens a slow line to each host. `delays`: milliseconds each way, in the order of the hosts. */
  lines(delays: readonly number[]): Promise<Lines>
  /** Runs a line of bash as root, expects it to succeed, and resolves to its output. */
  run(host: TestHost, command: string): Promise<string>
}

export interface Lines extends AsyncDisposable {
  /** For `start` and `ends`: the Taskfile reaches the hosts over these lines. */
  readonly env: NodeJS.ProcessEnv
  /** Brings nothing more to a host, not even what is on its way, until the lines are cut. */
  hold(i: number): void
  /** Ends all connections at once, with what is on its way. */
  cut(): void
}

/**
 * Boots a host for each name and writes a Taskfile, which gets SSH_CONFIG. Sets up nothing. The application is `app/bin/server`.
 *
 * @param variables further variables for the Taskfile, from the hosts
 * @param options of each host
 */
export async function startMachines(
  names: readonly string[],
  taskfile: string,
  variables: (hosts: readonly TestHost[]) => Promise<NodeJS.ProcessEnv> = async () => ({}),
  options: HostOptions = {},
): Promise<Machines> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-machines-'))
  const hosts = await Promise.all(names.map(() => startHost(options)))
  const config = join(folder, 'ssh_config')
  await joinConfigs(
    config,
    hosts.map(({ sshConfigFile }) => sshConfigFile),
    names,
  )
  await writeApp(folder, { server: SERVER })
  await writeFile(join(folder, 'Taskfile.ts'), taskfile)
  const env = { ...process.env, CI: '1', SSH_CONFIG: config, ...(await variables(hosts)) }
  const version = (text: string) => writeFile(join(folder, 'app/VERSION'), `${text}\n`)
  await version('1.0.0')
  const start: Machines['start'] = (args, more = {}) => runTask(folder, { ...env, ...more }, [...args])
  return {
    hosts,
    folder,
    version,
    start,
    inTerminal: args => runTaskInTerminal(folder, { ...env, CI: '' }, args),
    async ends(code, args, more = {}) {
      const { stdout, stderr, ...ended } = await start(args, more).ended
      expect(ended.code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(code)
      return stdout + stderr
    },
    async lines(delays) {
      const links = await Promise.all(hosts.map((host, i) => openLink(host, folder, 2 * (delays[i] ?? 0))))
      const slow = join(folder, `ssh_config.${links[0]?.proxy.port}.all`)
      await joinConfigs(
        slow,
        links.map(({ sshConfigFile }) => sshConfigFile),
        names,
      )
      return {
        env: { SSH_CONFIG: slow },
        hold: i => links[i]?.proxy.hold(),
        cut() {
          for (const { proxy } of links) proxy.cut()
        },
        async [Symbol.asyncDispose]() {
          await Promise.all(links.map(link => link[Symbol.asyncDispose]()))
        },
      }
    },
    async run(host, command) {
      const { code, stdout, stderr } = await host.exec(command)
      expect(code, `${command}:\n${stdout}${stderr}`).toBe(0)
      return stdout.trim()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(hosts.map(host => host.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
