/**
 * The rehearsal: a throw-away host, and a real release that goes out to it, is promoted under load, rolled back, migrated
 * and entered, by the same commands and the same Taskfile that a team uses. It says what it saw, and cleans up after itself.
 *
 *     npm run rehearse              on a container
 *     npm run rehearse -- --vagrant on the machine of vagrant/Vagrantfile
 *     npm run rehearse -- --keep    leaves the host, and prints how to enter it
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

const say = (text: string) => process.stdout.write(`${text}\n`)

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

/** The Taskfile and the application in a folder of their own, so that a version can be changed without touching the checkout. */
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

/** Runs one command as a person would, its output as it comes; resolves to the milliseconds it took. Throws when it fails. */
async function task(folder: string, host: RehearsalHost, ...words: readonly string[]): Promise<number> {
  say(`\n$ npx task ${words.join(' ')}`)
  const began = performance.now()
  running = start(folder, host, process.execPath, [TASK, ...words], 'inherit')
  const [code] = await once(running, 'close')
  running = undefined
  if (code !== 0) throw new Error(`task ${words.join(' ')} ended with ${code}`)
  return performance.now() - began
}

/** Types one line into the console of a slot, in a terminal of its own (script(1)), and leaves it; resolves to its answer. */
async function typeInto(folder: string, host: RehearsalHost, slot: string, line: string): Promise<string> {
  say(`\n$ npx task console --slot ${slot}`)
  const command = [process.execPath, TASK, 'console', '--slot', slot].map(word => `'${word}'`).join(' ')
  const console = start(folder, host, 'script', ['-qec', command, '/dev/null'], 'pipe')
  running = console
  let seen = ''
  const says = async (pattern: RegExp) => {
    for await (const [chunk] of on(console.stdout ?? console, 'data', { close: ['end'] })) {
      seen += chunk
      if (pattern.test(seen)) return
    }
    throw new Error(`the console ended without ${pattern}:\n${seen}`)
  }
  await says(/iex\([^)]*\)\d*>/)
  console.stdin?.write(`${line}\n`)
  // The line itself comes back first; only the next prompt says that the answer is whole.
  await says(/iex\([^)]*\)2>/)
  console.stdin?.write('\x03')
  await says(/\(a\)bort/)
  console.stdin?.write('a\n')
  await once(console, 'close')
  running = undefined
  const [, answer] = /^"(.*)"$/m.exec(stripVTControlCharacters(seen).replaceAll('\r', '')) ?? []
  if (answer === undefined) throw new Error(`the console gave no answer:\n${seen}`)
  return answer
}

/** A command in the project's folder; the host of the rehearsal stands in its environment. */
function start(
  folder: string,
  host: RehearsalHost,
  command: string,
  words: readonly string[],
  stdio: 'inherit' | 'pipe',
) {
  const env = { ...process.env, HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  return spawn(command, words, { cwd: folder, env, stdio })
}

/** The command that an interruption lets come to its own end. */
let running: ChildProcess | undefined

/** Load on the site while something is done, and a second more on each side of it. */
async function underLoad(url: string, work: () => Promise<number>): Promise<{ report: Report; took: number }> {
  const load: Load = await startLoad({ url, clients: CLIENTS, headers: ['life-version'], maxSeconds: 120 })
  await pause(1_000)
  const took = await work()
  await pause(1_000)
  return { report: await load.stop(), took }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** What the load saw while the traffic moved. */
function sentence(what: string, { report, took }: { report: Report; took: number }): string {
  const { socket, ...requests } = report.kinds
  const sent = Object.values(requests).reduce((sum, kind) => sum + kind.sent, 0)
  const failed = Object.values(requests).reduce((sum, kind) => sum + kind.failed, 0)
  // Two clients ask at once, so that an answer of the old version can arrive after the first of the new one.
  const versions = [...new Set(requests.fresh.seen.map(seen => seen.value))].join(' then ')
  const reasons = Object.values(requests).flatMap(kind => Object.entries(kind.reasons))
  const [before = '', after = ''] = [requests.fresh.seen.at(0)?.value, requests.fresh.seen.at(-1)?.value]
  const of = (version: string) => requests.fresh.seen.filter(seen => seen.value === version)
  const lastOld = Math.max(...of(before).map(seen => seen.lastAnsweredAt))
  const firstNew = Math.min(...of(after).map(seen => seen.firstAnsweredAt))
  return [
    `${what}: ${sent} requests sent, ${failed} failed${reasons.length ? ` (${reasons.map(([why, n]) => `${n} ${why}`).join(', ')})` : ''}`,
    `  WebSockets: ${CLIENTS.socket - report.drops.length} of ${CLIENTS.socket} kept, ${socket.sent} messages sent, ${socket.failed} failed`,
    `  fresh connections saw ${versions}, the last answer of one and the first of the other ${Math.round(Math.abs(firstNew - lastOld))} ms apart`,
    `  switched at ${new Date(firstNew).toISOString().slice(11, 23)} UTC; the whole command took ${Math.round(took)} ms`,
  ].join('\n')
}

class Interrupted extends Error {}

let interrupted = false

/** Rejects when we are interrupted, and the command that was running has ended: it unwinds by itself. */
const interruption = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      interrupted = true
      const stop = () =>
        reject(new Interrupted(flags.keep ? 'Interrupted.' : 'Interrupted: the throw-away host is gone.'))
      if (!running) return stop()
      running.once('close', stop)
      // A Ctrl-C of a terminal reaches the command too; a second one would end it before it has unwound.
      if (signal === 'SIGTERM' || !process.stdin.isTTY) running.kill(signal)
    })
})
// Until somebody waits for it, its rejection is nobody's concern.
interruption.catch(() => undefined)

async function rehearse(): Promise<boolean> {
  say('A throw-away host is being made: sshd, systemd and nginx.')
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
      say(`\nThe host was kept. Enter it:  ${host.enter}\nThrow it away: ${host.remove}`)
      if (folder) say(`The project:   ${folder}`)
    } else {
      await host[Symbol.asyncDispose]()
      if (folder) await rm(folder, { recursive: true, force: true })
    }
  }
}

async function play(host: RehearsalHost, folder: string): Promise<boolean> {
  const run = (...words: string[]) => task(folder, host, ...words)

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
  say(`> ${line}\n${await typeInto(folder, host, 'green', line)}`)
  await run('status')

  say(`\nWhat happened, on ${host.about}:`)
  say(sentence('promote green (0.1.0 to 0.1.1)', promoted))
  say(sentence('rollback (0.1.1 to 0.1.0)', back))
  const lost = [promoted, back].some(({ report }) => report.failed > 0 || report.drops.length > 0)
  say(lost ? '\nSomething was lost.' : '\nNothing was lost: 0 requests failed, 0 WebSockets cut.')
  return !lost
}

try {
  process.exitCode = (await rehearse()) ? 0 : 1
} catch (error) {
  // What a Ctrl-C ended fails in its own words; the host that it was making is gone by now.
  const message = messageOf(error)
  say(`\n${interrupted && !(error instanceof Interrupted) ? `Interrupted: ${message}` : message}`)
  // What was running may have left handles behind; all that must not stay was removed.
  process.exit(interrupted ? 130 : 1)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
