/** zx on this machine for one step: its output belongs to the step, and an interruption ends its commands. */

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
  /** Runs a step with the same settings for commands that zx creates itself, such as in `.pipe`. */
  inside<T>(work: () => T): T
}

export interface LocalShellOptions {
  readonly cwd: string
  /** Aborted when the step has to stop. */
  readonly signal: AbortSignal
  /** Aborted at the end of the run, to end commands that nobody awaited. */
  readonly over: AbortSignal
  /** Print commands instead of running them. */
  readonly dryRun: boolean
  readonly redactor: Redactor
  log(line: string): void
}

/** Milliseconds from SIGTERM to SIGKILL. */
const KILL_AFTER = 5_000

/** Asynchronous because zx is loaded here: a template has to return synchronously. */
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
    // In a process group of its own, so that Ctrl-C reaches only this process, which ends the whole group.
    detached: true,
  }
  const withOptions = (more: ShellOptions): Shell => {
    const zxShell = zx.$({ ...settings, ...(more as Partial<ZxOptions>) })
    const shell = (first: TemplateStringsArray | ShellOptions, ...values: unknown[]): ProcessPromise | Shell => {
      if (!Array.isArray(first)) return withOptions({ ...more, ...(first as ShellOptions) })
      return nameInErrors(zxShell(first as unknown as TemplateStringsArray, ...values), callSite(shell))
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

/** Handles zx's log entries, some of which it would print itself. */
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
    // zx writes the end of the last line in the same tick, after the `end` entry.
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

/** Ends a command's whole process group when the step is stopped, even if the caller passed zx another signal. */
function running({ signal, over }: LocalShellOptions) {
  return (command: string, args: string[], options: Spawned) => {
    // Without SHLVL, as under cron, a bash whose stdin is a socket assumes rsh and reads ~/.bashrc.
    const child = spawn(command, args, { ...options, env: { SHLVL: '1', ...options.env } })
    // Ignores a write to a command that has ended, such as in `.pipe`: its exit code is what counts.
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

/** Prints a command, after the `env` and `cwd` of its caller, and returns a process that has exited with 0. */
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
 * zx's errors name the caller and the exit code but not the command, and would name this file as the caller. zx reads `from` only when the command has
 * ended, so it can be replaced here.
 */
function nameInErrors(promise: ProcessPromise, from: string): ProcessPromise {
  const { _snapshot: snapshot } = promise as unknown as { _snapshot: { cmd: string } }
  Object.defineProperty(snapshot, 'from', { get: () => `${from}\n    command: ${snapshot.cmd}` })
  return promise
}
