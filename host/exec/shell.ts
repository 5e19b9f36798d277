/**
 * zx for any machine: a genuine ProcessPromise whose child is a `Process` on that machine. zx starts it through the `spawn` option. `kill` is replaced,
 * because zx would send the signal to a pid of this machine.
 */

import { AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { ProcessPromise, Options as ZxOptions } from 'zx/core'
import { callSite } from '../../runner/call-site.ts'
import { Fault } from '../../runner/fault.ts'
import type { Shell, ShellOptions } from '../../runner/task.ts'
import { quote } from '../script.ts'
import type { Process } from './process.ts'

/** A command as zx built it, with the lines that our options put before it. */
export interface Command {
  readonly text: string
  /** `cd` and `export` lines. Values of `env` may be secret. */
  readonly before: readonly string[]
}

/** Loads zx with the first command. By `require`, because a template has to return synchronously. */
const zx = (): typeof import('zx/core') => createRequire(import.meta.url)('zx/core')

export function shellOver(host: string, run: (command: Command) => Process): Shell {
  // zx keeps its options in the asynchronous context of a command. A connection opened there would inherit that context, and a local command in one of
  // its callbacks would run on the wrong machine.
  const outside = AsyncResource.bind(run)
  const withOptions = (options: ShellOptions): Shell => {
    const { cwd, env, ...rest } = options
    const before = preambleOf(cwd, env)
    // Created for each command: zx would keep the settings of the step that ran the first one, whose signal may be aborted by now.
    const create = () =>
      zx().$({
        // Inside a step the output belongs to the step, as for local commands; outside it is not printed.
        quiet: !zx().$.verbose,
        ...defined(rest),
        quote,
        shell: true,
        prefix: '',
        postfix: '',
        detached: false,
        spawn: ((text: string, _args: unknown, { signal }: { signal?: AbortSignal }) =>
          childOf(outside({ text, before }), signal)) as unknown as ZxOptions['spawn'],
      })
    const shell = (first: TemplateStringsArray | ShellOptions, ...values: unknown[]): ProcessPromise | Shell => {
      if (!isTemplate(first)) return withOptions({ ...options, ...first })
      const promise = create()(first, ...values)
      // `child` is missing if zx could not build the command; its promise then rejects with the reason.
      const kill = async (signal?: NodeJS.Signals | null) => void promise.child?.kill(signal ?? 'SIGTERM')
      Object.defineProperty(promise, 'kill', { value: kill })
      return nameInErrors(promise, host, callSite(shell))
    }
    return shell as Shell
  }
  return withOptions({})
}

const isTemplate = (first: object): first is TemplateStringsArray => Array.isArray(first)

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T

/** The lines of bash to run before a command of `$`. */
function preambleOf(cwd: string | undefined, env: NodeJS.ProcessEnv = {}): string[] {
  const exports = Object.entries(env).flatMap(([name, value]) => {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new TypeError(`not a valid name of an environment variable: ${name}`)
    return value === undefined ? [] : [`export ${name}=${quote(value)}`]
  })
  return [...exports, ...(cwd === undefined ? [] : [`cd -- ${quote(cwd)}`])]
}

/** The parts of Node's `ChildProcess` that zx uses. `pid` stays undefined: zx would signal that pid on this machine. */
function childOf(process: Process, signal: AbortSignal | undefined): EventEmitter {
  const child = Object.assign(new EventEmitter(), {
    pid: undefined,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    kill: (name: NodeJS.Signals) => process.kill(name),
  })
  // zx removes its listener after the first error; another one must not end the program.
  child.on('error', () => undefined)
  const abort = () => {
    process.kill('SIGTERM')
    const cause = signal?.reason
    child.emit(
      'error',
      Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError', code: 'ABORT_ERR' }),
    )
  }
  if (signal?.aborted) queueMicrotask(abort)
  signal?.addEventListener('abort', abort, { once: true })
  void process.ended.then(ending => {
    signal?.removeEventListener('abort', abort)
    if (ending instanceof Fault) child.emit('error', ending)
    const [code, name] = ending instanceof Fault ? [null, null] : [ending.code, ending.signal]
    child.emit('exit', code, name)
    child.emit('close', code, name)
  })
  return child
}

/**
 * zx's errors name the caller and the exit code but not the command, and would name this file as the caller. zx reads `from` only when the command has
 * ended, so it can be replaced here.
 */
function nameInErrors(promise: ProcessPromise, host: string, from: string): ProcessPromise {
  const { _snapshot: snapshot } = promise as unknown as { _snapshot: { cmd: string } }
  Object.defineProperty(snapshot, 'from', {
    get: () => `${from}\n    command: ${snapshot.cmd}\n    host: ${host}`,
  })
  return promise
}
