/** zx on this machine, tied to one step: its output is the step's, and Ctrl-C ends its commands. */

import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { ProcessPromise, Options as ZxOptions } from 'zx/core'
import { callSite } from '../call-site.ts'
import { type LineCutter, lineCutter } from '../output/lines.ts'
import type { Redactor } from '../secrets/redact.ts'
import type { Shell, ShellOptions } from '../task.ts'

export interface LocalShell {
  readonly $: Shell
  /** Runs a step so that what zx makes by itself, as in `.pipe`, has the same settings. */
  inside<T>(work: () => T): T
}

export interface LocalShellOptions {
  readonly cwd: string
  /** Tells the step to stop. */
  readonly signal: AbortSignal
  /** Tells that the run is over: what nobody waited for is ended too. */
  readonly over: AbortSignal
  /** Print commands instead of running them. */
  readonly dryRun: boolean
  readonly redactor: Redactor
  log(line: string): void
}

/** How long a command that was told to end may take, in milliseconds. */
const KILL_AFTER = 5_000

/** zx has to be loaded before the first template is called, because a template returns at once. */
export async function localShell(options: LocalShellOptions): Promise<LocalShell> {
  const zx = await import('zx/core')
  const settings: Partial<ZxOptions> = {
    cwd: options.cwd,
    signal: options.signal,
    spawn: (options.dryRun ? printing(options, zx.quote) : running(options)) as unknown as ZxOptions['spawn'],
    log: logging(options),
    verbose: true,
    quiet: false,
    nothrow: false,
    // A process group of its own: a Ctrl-C of the terminal reaches only us, and we end the whole group.
    detached: true,
  }
  const withOptions = (more: ShellOptions): Shell => {
    const made = zx.$({ ...settings, ...(more as Partial<ZxOptions>) })
    const shell = (first: TemplateStringsArray | ShellOptions, ...values: unknown[]): ProcessPromise | Shell => {
      if (!Array.isArray(first)) return withOptions({ ...more, ...(first as ShellOptions) })
      return nameInErrors(made(first as unknown as TemplateStringsArray, ...values), callSite(shell))
    }
    return shell as Shell
  }
  return {
    $: withOptions({}),
    inside: work =>
      zx.within(() => {
        Object.assign(zx.$, settings)
        return work()
      }),
  }
}

/** zx tells what happens through its `log`; of itself it would print some of it. */
function logging({ redactor, log }: LocalShellOptions): ZxOptions['log'] {
  const cutters = new Map<string, LineCutter>()
  return entry => {
    if (!entry.verbose || !('id' in entry)) return
    if (entry.kind === 'stdout' || entry.kind === 'stderr') {
      const key = `${entry.id} ${entry.kind}`
      const cutter = cutters.get(key) ?? lineCutter(redactor, log)
      cutters.set(key, cutter)
      cutter.write(entry.data)
    }
    // zx ends the last line by itself, in the same turn but after it has told the end.
    if (entry.kind === 'end')
      queueMicrotask(() => {
        for (const key of [`${entry.id} stdout`, `${entry.id} stderr`]) {
          cutters.get(key)?.end()
          cutters.delete(key)
        }
      })
  }
}

type Spawned = { cwd?: string; env?: NodeJS.ProcessEnv; stdio?: 'pipe'; shell?: string }

/** Ends a command's whole process group when the step is told to stop, also when the caller gave zx another signal. */
function running({ signal, over }: LocalShellOptions) {
  return (command: string, args: string[], options: Spawned) => {
    // Where nothing has set SHLVL, as under cron, bash takes a socket on its input for rsh, and reads ~/.bashrc first.
    const child = spawn(command, args, { ...options, env: { SHLVL: '1', ...options.env } })
    // Nobody reads on, as in `.pipe` to a command that has ended: its exit code tells what there is to tell.
    child.stdin?.on('error', () => undefined)
    const end = (name: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch {
        // It ended in the meantime.
      }
    }
    let late: NodeJS.Timeout | undefined
    const stop = () => {
      end('SIGTERM')
      late = setTimeout(end, KILL_AFTER, 'SIGKILL')
    }
    if (signal.aborted) queueMicrotask(stop)
    const leave = () => end('SIGTERM')
    signal.addEventListener('abort', stop, { once: true })
    over.addEventListener('abort', leave, { once: true })
    child.once('close', () => {
      signal.removeEventListener('abort', stop)
      over.removeEventListener('abort', leave)
      clearTimeout(late)
    })
    return child
  }
}

/** What zx takes for a process that ended well at once. What the caller set for the command stands before it. */
function printing({ cwd, log }: LocalShellOptions, quote: (word: string) => string) {
  return (command: string, _args: string[], options: Spawned) => {
    const plain = command.replace(/^set -euo pipefail;/, '')
    const changed = Object.entries(options.env ?? {}).filter(
      ([name, value]) => value !== undefined && value !== process.env[name],
    )
    const before = [
      ...changed.map(([name, value = '']) => `export ${name}=${quote(value)}; `),
      ...(options.cwd === undefined || options.cwd === cwd ? [] : [`cd ${quote(options.cwd)}; `]),
    ]
    log(`would run: ${before.join('')}${plain}`)
    const stdin = new PassThrough()
    stdin.resume()
    const child = Object.assign(new EventEmitter(), {
      pid: undefined,
      stdin,
      stdout: new PassThrough().end(),
      stderr: new PassThrough().end(),
      kill: () => false,
    })
    setImmediate(() => {
      child.emit('exit', 0, null)
      child.emit('close', 0, null)
    })
    return child
  }
}

/**
 * zx's errors say where the command was called and how it ended, but not what it was; and its idea of the caller is the
 * first file on the stack, which is this one. zx reads `from` when the command has ended, so it can be given here.
 */
function nameInErrors(promise: ProcessPromise, from: string): ProcessPromise {
  const { _snapshot: snapshot } = promise as unknown as { _snapshot: { cmd: string } }
  Object.defineProperty(snapshot, 'from', { get: () => `${from}\n    command: ${snapshot.cmd}` })
  return promise
}
