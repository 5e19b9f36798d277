/** All that a `Host` promises, on top of the little that a `Machine` offers. */
import { attach } from './attach.ts'
import { hold } from './hold.ts'
import type { Host, HostSetting } from './host.ts'
import type { Machine } from './machine.ts'
import { preamble, start } from './process.ts'
import { ask, run } from './run.ts'
import { shellOver } from './shell.ts'
import { put, write } from './transfer.ts'

export function openHost(machine: Machine, { signal }: Pick<HostSetting, 'signal'>): Host {
  const $ = shellOver(machine.name, ({ text, before }) =>
    interruptible(start(machine, preamble(before) + text, text), signal),
  )
  const held = new Set<AsyncDisposable>()
  return {
    name: machine.name,
    $,
    read: $,
    run: (script, options) => run(machine, script, options, signal),
    ask: (script, options) => ask(machine, script, options, signal),
    put: (file, remote, options) => put(machine, file, remote, options, signal),
    write: (path, text, mode) => write(machine, path, text, mode, signal),
    attach: command => attach(machine, command),
    async hold(script) {
      const it = await hold(machine, script)
      held.add(it)
      void it.ended.then(() => held.delete(it))
      return it
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([...held].map(it => it[Symbol.asyncDispose]()))
      await machine[Symbol.asyncDispose]()
    },
  }
}

type Started = ReturnType<typeof start>

/** What is started after the interruption is what takes things back: that runs. */
function interruptible(process: Started, signal: AbortSignal): Started {
  if (signal.aborted) return process
  const interrupt = () => process.kill('SIGTERM')
  signal.addEventListener('abort', interrupt, { once: true })
  void process.ended.then(() => signal.removeEventListener('abort', interrupt))
  return process
}
