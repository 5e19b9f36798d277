/**
 * The rehearsal: deploys a real release to a throw-away host, promotes it under load, rolls it back, runs migrations and opens a console, with the same
 * commands and Taskfile that a team uses. Prints the measurements, and cleans up.
 *
 *     npm run rehearse              on a container
 *     npm run rehearse -- --vagrant on the machine of vagrant/Vagrantfile
 *     npm run rehearse -- --keep    keeps the host, and prints how to log in
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { type Load, type Report, startLoad } from '../dev/load.ts'
import { openRehearsalHost, type RehearsalHost } from './machine.ts'

const HOME = fileURLToPath(new URL('..', import.meta.url))
const TASK = join(HOME, 'bin', 'task.mjs')
const CLIENTS = { keepAlive: 4, post: 2, fresh: 2, slow: 2, socket: 50 }

const print = (text: string) => process.stdout.write(`${text}\n`)

const flags = readFlags()

function readFlags() {
  try {
    const options = { keep: { type: 'boolean', default: false }, vagrant: { type: 'boolean', default: false } } as const
    return parseArgs({ options }).values
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\nnpm run rehearse -- [--vagrant] [--keep]\n`)
    process.exit(2)
  }
}

/** Copies the Taskfile and the application to a temporary folder, so that the version can be changed without touching the checkout. */
async function copyProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-rehearsal-'))
  await cp(join(HOME, 'Taskfile.ts'), join(folder, 'Taskfile.ts'))
  await cp(join(HOME, 'examples', 'life'), join(folder, 'examples', 'life'), { recursive: true })
  return folder
}

async function setVersion(folder: string, version: string): Promise<void> {
  const path = join(folder, 'examples', 'life', 'mix.exs')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace(/version: "[^"]*"/, `version: "${version}"`))
}

/**
 * Runs one command like a user would, with its output shown, and resolves to its duration in milliseconds.
 *
 * @throws Error if it fails
 */
async function task(folder: string, host: RehearsalHost, ...args: readonly string[]): Promise<number> {
  print(`\n$ npx task ${args.join(' ')}`)
  const startedAt = performance.now()
  running = start(folder, host, process.execPath, [TASK, ...args], 'inherit')
  const [code] = await once(running, 'close')
  running = undefined
  if (code !== 0) throw new Error(`task ${args.join(' ')} failed with exit code ${code}`)
  return performance.now() - startedAt
}

/** Opens the console of a slot in a pseudo-terminal (script(1)), enters one line, exits, and resolves to the line's result. */
async function typeInto(folder: string, host: RehearsalHost, slot: string, line: string): Promise<string> {
  print(`\n$ npx task console --slot ${slot}`)
  const command = [process.execPath, TASK, 'console', '--slot', slot].map(arg => `'${arg}'`).join(' ')
  const console = start(folder, host, 'script', ['-qec', command, '/dev/null'], 'pipe')
  running = console
  let output = ''
  const printed = async (pattern: RegExp) => {
    for await (const [chunk] of on(console.stdout ?? console, 'data', { close: ['end'] })) {
      output += chunk
      if (pattern.test(output)) return
    }
    throw new Error(`The console exited without printing ${pattern}:\n${output}`)
  }
  await printed(/iex\([^)]*\)\d*>/)
  console.stdin?.write(`${line}\n`)
  // The console echoes the line first; only the next prompt shows that the result is complete.
  await printed(/iex\([^)]*\)2>/)
  console.stdin?.write('\x03')
  await printed(/\(a\)bort/)
  console.stdin?.write('a\n')
  await once(console, 'close')
  running = undefined
  const [, result] = /^"(.*)"$/m.exec(stripVTControlCharacters(output).replaceAll('\r', '')) ?? []
  if (result === undefined) throw new Error(`The console printed no result:\n${output}`)
  return result
}

/** Starts a command in the project's folder, with the rehearsal's host in its environment. */
function start(
  folder: string,
  host: RehearsalHost,
  command: string,
  args: readonly string[],
  stdio: 'inherit' | 'pipe',
) {
  const env = { ...process.env, HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  return spawn(command, args, { cwd: folder, env, stdio })
}

/** The running command, which an interruption waits for. */
let running: ChildProcess | undefined

/** Runs `work` under load, which starts one second before it and ends one second after it. */
async function underLoad(url: string, work: () => Promise<number>): Promise<{ report: Report; took: number }> {
  const load: Load = await startLoad({ url, clients: CLIENTS, headers: ['life-version'], maxSeconds: 120 })
  await pause(1_000)
  const took = await work()
  await pause(1_000)
  return { report: await load.stop(), took }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** Summarises what the load generator measured during a switch. */
function summary(title: string, { report, took }: { report: Report; took: number }): string {
  const { socket, ...requests } = report.kinds
  const sent = Object.values(requests).reduce((sum, kind) => sum + kind.sent, 0)
  const failed = Object.values(requests).reduce((sum, kind) => sum + kind.failed, 0)
  // Two clients send requests concurrently, so a response of the old version can arrive after the first of the new one.
  const versions = [...new Set(requests.fresh.seen.map(seen => seen.value))].join(' then ')
  const reasons = Object.values(requests).flatMap(kind => Object.entries(kind.reasons))
  const [before = '', after = ''] = [requests.fresh.seen.at(0)?.value, requests.fresh.seen.at(-1)?.value]
  const ofVersion = (version: string) => requests.fresh.seen.filter(seen => seen.value === version)
  const lastOld = Math.max(...ofVersion(before).map(seen => seen.lastAnsweredAt))
  const firstNew = Math.min(...ofVersion(after).map(seen => seen.firstAnsweredAt))
  return [
    `${title}: ${sent} requests sent, ${failed} failed${reasons.length ? ` (${reasons.map(([why, n]) => `${n} ${why}`).join(', ')})` : ''}`,
    `  WebSockets: ${CLIENTS.socket - report.drops.length} of ${CLIENTS.socket} kept, ${socket.sent} messages sent, ${socket.failed} failed`,
    `  fresh connections saw ${versions}, the last answer of one and the first of the other ${Math.round(Math.abs(firstNew - lastOld))} ms apart`,
    `  switched at ${new Date(firstNew).toISOString().slice(11, 23)} UTC; the whole command took ${Math.round(took)} ms`,
  ].join('\n')
}

class Interrupted extends Error {}

let interrupted = false

/** Rejects after an interruption, once the running command has cleaned up and exited. */
const interruption = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      interrupted = true
      const stop = () =>
        reject(new Interrupted(flags.keep ? 'Interrupted.' : 'Interrupted: the throw-away host is gone.'))
      if (!running) return stop()
      running.once('close', stop)
      // The terminal sends Ctrl-C to the command too; a second signal would terminate it before it has cleaned up.
      if (signal === 'SIGTERM' || !process.stdin.isTTY) running.kill(signal)
    })
})
// Prevents an unhandled rejection while nothing awaits it.
interruption.catch(() => undefined)

async function rehearse(): Promise<boolean> {
  print('Creating a throw-away host with sshd, systemd and nginx.')
  const host = await openRehearsalHost({
    ...flags,
    watch(child) {
      running = child
      child.once('close', () => {
        running = undefined
      })
    },
  })
  let folder: string | undefined
  try {
    if (interrupted) return await interruption
    folder = await copyProject()
    return await Promise.race([play(host, folder), interruption])
  } finally {
    if (flags.keep) {
      print(`\nThe host was kept. Log in:    ${host.enter}\nDelete it: ${host.remove}`)
      if (folder) print(`Project:   ${folder}`)
    } else {
      await host[Symbol.asyncDispose]()
      if (folder) await rm(folder, { recursive: true, force: true })
    }
  }
}

async function play(host: RehearsalHost, folder: string): Promise<boolean> {
  const run = (...args: string[]) => task(folder, host, ...args)

  await run('setup')
  await run('deploy')
  await run('promote', 'blue')
  await run('migrate', '--slot', 'blue')
  await setVersion(folder, '0.1.1')
  await run('deploy')
  await run('migrate', '--slot', 'green')
  const promoted = await underLoad(host.url, () => run('promote', 'green'))
  await run('status')
  const back = await underLoad(host.url, () => run('rollback'))
  const line = '"this is #{node()}, version #{Life.version()}"'
  print(`> ${line}\n${await typeInto(folder, host, 'green', line)}`)
  await run('status')

  print(`\nResults on ${host.description}:`)
  print(summary('promote green (0.1.0 to 0.1.1)', promoted))
  print(summary('rollback (0.1.1 to 0.1.0)', back))
  const lost = [promoted, back].some(({ report }) => report.failed > 0 || report.drops.length > 0)
  print(lost ? '\nRequests or WebSockets were lost.' : '\nNothing was lost: 0 requests failed, 0 WebSockets cut.')
  return !lost
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
