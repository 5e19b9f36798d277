/**
 * The rehearsal: deploys a real release to a throw-away host, promotes it under load, rolls it back, runs migrations and opens a console, with the same
 * commands and Taskfile that a team uses. Prints the measurements, and cleans up.
 *
 *     npm run rehearse                   the Elixir release of examples/life, on a container
 *     npm run rehearse -- --example node another example
 *     npm run rehearse -- --fleet 3      three hosts that switch together
 *     npm run rehearse -- --swarm        Docker Swarm: three engines on this machine, as root
 *     npm run rehearse -- --vagrant      on the machine of vagrant/Vagrantfile
 *     npm run rehearse -- --keep         keeps the host, and prints how to log in
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inTerminal, typeInto } from '../dev/console.ts'
import { copyExample, installCommand, setVersion } from '../dev/examples.ts'
import { findProgram } from '../dev/install.ts'
import { type Load, startLoad } from '../dev/load.ts'
import { TASK } from '../dev/paths.ts'
import { openRehearsalHost, type RehearsalHost } from './machine.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { controlled, type Measured, summary, verdict } from './summary.ts'

const print = (text: string) => process.stdout.write(`${text}\n`)

const options = readFlags()
const { example } = options

function readFlags(): Options {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}\n`)
    process.exit(2)
  }
}

/**
 * Runs one command like a user would, with its output shown, and resolves to its duration in milliseconds.
 *
 * @throws Error if it fails
 */
async function task(folder: string, host: RehearsalHost, ...args: readonly string[]): Promise<number> {
  print(`\n$ npx task ${args.join(' ')}`)
  const startedAt = performance.now()
  await finished(
    `task ${args.join(' ')}`,
    spawn(process.execPath, [TASK, ...args], { cwd: folder, env: environment(host), stdio: 'inherit' }),
  )
  return performance.now() - startedAt
}

/** Waits for a command, which an interruption then waits for too. */
async function finished(name: string, child: ChildProcess): Promise<void> {
  running = child
  const [code] = await once(child, 'close')
  running = undefined
  if (code !== 0) throw new Error(`${name} failed with exit code ${code}`)
}

/** Installs the packages that the example needs on the host, as its README says. */
async function install(host: RehearsalHost, packages: readonly string[]): Promise<void> {
  print(`\nInstalling on the host: ${packages.join(', ')}`)
  // The host's account has sudo without a password.
  const command = `sudo bash -c '{ ${installCommand(packages)}; } > /tmp/install.log 2>&1 || { cat /tmp/install.log >&2; exit 1; }'`
  for (const alias of host.alias.split(','))
    await finished('The installation', spawn('ssh', ['-F', host.sshConfigFile, alias, command], { stdio: 'inherit' }))
}

/** Opens the console of a slot, enters the line of the example, leaves it, and prints what it showed. */
async function useConsole(folder: string, host: RehearsalHost, slot: string): Promise<void> {
  if (!example.console) return
  print(`\n$ npx task console --slot ${slot}`)
  const console = inTerminal([process.execPath, TASK, 'console', '--slot', slot], folder, environment(host))
  running = console
  const result = await typeInto(console, example.console)
  running = undefined
  print(`> ${example.console.line}\n${result}`)
}

/** The rehearsal's host in the environment of its commands. */
const environment = (host: RehearsalHost) => ({
  ...process.env,
  HOST: host.alias,
  SSH_CONFIG: host.sshConfigFile,
  ...host.environment,
})

/** The running command, which an interruption waits for. */
let running: ChildProcess | undefined

/** Runs `work` under load on each node, which starts one second before it and ends one second after it. */
async function underLoad(
  { url, nodes = { '': url } }: RehearsalHost,
  work: () => Promise<number>,
): Promise<readonly Measured[]> {
  const { clients, site, versionHeader } = example
  const options = { host: site, clients, headers: [versionHeader], maxSeconds: 240 }
  const started = Object.entries(nodes).map(
    async ([node, url]): Promise<[string, Load]> => [node, await startLoad({ ...options, url })],
  )
  const loads = await Promise.all(started)
  try {
    await pause(1_000)
    const took = await work()
    await pause(1_000)
    const sockets = clients.socket ?? 0
    return await Promise.all(loads.map(async ([node, load]) => ({ node, report: await load.stop(), sockets, took })))
  } finally {
    await Promise.all(loads.map(([, load]) => load[Symbol.asyncDispose]()))
  }
}

/** Resolves to the milliseconds that it took. */
async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

class Interrupted extends Error {}

let interrupted = false

/** Rejects after an interruption, once the running command has cleaned up and exited. */
const interruption = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      interrupted = true
      const stop = () =>
        reject(new Interrupted(options.keep ? 'Interrupted.' : 'Interrupted: what was created is gone.'))
      if (!running) return stop()
      running.once('close', stop)
      // The terminal sends Ctrl-C to the command too; a second signal would terminate it before it has cleaned up.
      if (signal === 'SIGTERM' || !process.stdin.isTTY) running.kill(signal)
    })
})
// Prevents an unhandled rejection while nothing awaits it.
interruption.catch(() => undefined)

function openHost(): Promise<RehearsalHost> {
  print('Creating a throw-away host with sshd, systemd and nginx.')
  return openRehearsalHost({
    ...options,
    engines: example.engines,
    watch(child) {
      running = child
      child.once('close', () => {
        running = undefined
      })
    },
  })
}

async function openFleet(count: number): Promise<RehearsalHost> {
  print(`Creating ${count} throw-away hosts with sshd, systemd and nginx.`)
  const { openRehearsalFleet } = await import('./fleet.ts')
  return openRehearsalFleet({ count, keep: options.keep, app: 'clock', site: example.site })
}

async function openSwarm(): Promise<RehearsalHost> {
  print('Creating a swarm of three engines, and a registry.')
  const { openRehearsalSwarm } = await import('./swarm.ts')
  return openRehearsalSwarm({ keep: options.keep, app: 'clock' })
}

async function rehearse(): Promise<boolean> {
  const { builder } = example
  const found = builder && (await findProgram(builder.package, builder.program))
  if (found && 'missing' in found)
    throw new Error(`This machine cannot build the example ${example.name}: ${found.missing}.`)
  const host = await (options.swarm ? openSwarm() : options.fleet === undefined ? openHost() : openFleet(options.fleet))
  let folder: string | undefined
  try {
    if (interrupted) return await interruption
    folder = await copyExample(example)
    return await Promise.race([play(host, folder), interruption])
  } finally {
    if (options.keep) {
      print(`\nThe host was kept. Log in:    ${host.enter}\nDelete it: ${host.remove}`)
      if (folder) print(`Project:   ${join(folder, example.root ?? '.')}`)
    } else {
      await host[Symbol.asyncDispose]()
      if (folder) await rm(folder, { recursive: true, force: true })
    }
  }
}

async function play(host: RehearsalHost, folder: string): Promise<boolean> {
  const home = join(folder, example.root ?? '.')
  const run = (...args: string[]) => task(home, host, ...args)

  if (example.packages.length > 0) await install(host, example.packages)
  await run('setup')
  await run('deploy')
  const migrate = async (slot: string) => {
    if (example.migrates !== false) await run('migrate', '--slot', slot)
  }
  await migrate('blue')
  await run('promote', 'blue')
  await setVersion(folder, example, '0.1.1')
  await run('deploy')
  await migrate('green')
  const promoted = await underLoad(host, () => run('promote', 'green'))
  await run('status')
  const back = await underLoad(host, () => run('rollback'))
  await useConsole(home, host, 'green')
  await run('status')
  const { control } = host
  const compared = control && (await underLoad(host, () => timed(control.lose)))

  print(`\nResults on ${host.description}:`)
  for (const measured of promoted) print(summary('promote green (0.1.0 to 0.1.1)', measured))
  for (const measured of back) print(summary('rollback (0.1.1 to 0.1.0)', measured))
  const { lost, sentence } = verdict([...promoted, ...back])
  print(`\n${sentence}`)
  if (!control || !compared) return !lost
  const { seen, sentence: told } = controlled(control.title, compared)
  print(told)
  return !lost && seen
}

try {
  process.exitCode = (await rehearse()) ? 0 : 1
} catch (error) {
  // After a Ctrl-C the interrupted operation fails with an error of its own; the host has been removed by then.
  const message = messageOf(error)
  print(`\n${interrupted && !(error instanceof Interrupted) ? `Interrupted: ${message}` : message}`)
  // Open handles may remain; everything that must be removed has been removed.
  process.exit(interrupted ? 130 : 1)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
