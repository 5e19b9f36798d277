/**
 * zx on any machine: a genuine ProcessPromise whose child is a `Process` there. zx runs it through the `spawn` option;
 * what zx would do to a local pid is replaced, because the pid belongs to another machine.
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

/** A command as zx made it, with what our options put before it. */
export interface Command {
  readonly text: string
  /** `cd` and `export` lines. Values of `env` may be secret. */
  readonly before: readonly string[]
}

/** zx is loaded when the first command is made, and that has to return at once: so by `require`. */
const zx = (): typeof import('zx/core') => createRequire(import.meta.url)('zx/core')

export function shellOver(host: string, run: (command: Command) => Process): Shell {
  // zx keeps its options in the asynchronous context of a command. What is opened there, such as a connection, would carry
  // them on, and a local command in a callback of ours would run on the wrong machine.
  const outside = AsyncResource.bind(run)
  const withOptions = (options: ShellOptions): Shell => {
    const { cwd, env, ...rest } = options
    const before = preambleOf(cwd, env)
    // Made anew for each command: zx would keep what it found in the first one's step, which may be over and aborted by now.
    const made = () =>
      zx().$({
        // In a step all output is the step's, as that of local commands is; elsewhere nobody asked for it.
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
      if (!isPieces(first)) return withOptions({ ...options, ...first })
      const promise = made()(first, ...values)
      // `child` is missing when zx could not even build the command; its own promise tells why.
      const kill = async (signal?: NodeJS.Signals | null) => void promise.child?.kill(signal ?? 'SIGTERM')
      Object.defineProperty(promise, 'kill', { value: kill })
      return nameInErrors(promise, host, callSite(shell))
    }
    return shell as Shell
  }
  return withOptions({})
}

const isPieces = (first: object): first is TemplateStringsArray => Array.isArray(first)

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T

/** What stands before a command of `$`: words of bash, each ended by itself. */
function preambleOf(cwd: string | undefined, env: NodeJS.ProcessEnv = {}): string[] {
  const exports = Object.entries(env).flatMap(([name, value]) => {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new TypeError(`not the name of an environment variable: ${name}`)
    return value === undefined ? [] : [`export ${name}=${quote(value)}`]
  })
  return [...exports, ...(cwd === undefined ? [] : [`cd -- ${quote(cwd)}`])]
}

/** What Node's `ChildProcess` is to zx. `pid` stays undefined: zx would kill that number on this machine. */
function childOf(process: Process, signal: AbortSignal | undefined): EventEmitter {
  const child = Object.assign(new EventEmitter(), {
    pid: undefined,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    kill: (name: NodeJS.Signals) => process.kill(name),
  })
  // zx takes the first error and stops listening; one more must not end the program.
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
 * zx's errors say where the command was called and how it ended, but not what it was; and its idea of the caller is the
 * first file on the stack, which is this one. zx reads `from` when the command has ended, so it can be given here.
 */
function nameInErrors(promise: ProcessPromise, host: string, from: string): ProcessPromise {
  const { _snapshot: snapshot } = promise as unknown as { _snapshot: { cmd: string } }
  Object.defineProperty(snapshot, 'from', {
    get: () => `${from}\n    command: ${snapshot.cmd}\n    host: ${host}`,
  })
  return promise
}
