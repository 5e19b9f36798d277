/** All that a `Host` promises, on top of the little that a `Machine` offers. */
import { attach } from './attach.ts'
import { hold } from './hold.ts'
import type { Host, HostSetting } from './host.ts'
import type { Machine } from './machine.ts'
import { interruptible, preamble } from './process.ts'
import { ask, run } from './run.ts'
import { shellOver } from './shell.ts'
import { put, write } from './transfer.ts'

export function openHost(machine: Machine, { signal }: Pick<HostSetting, 'signal'>): Host {
  const { name } = machine
  const begin = interruptible(machine, signal)
  const $ = shellOver(name, ({ text, before }) => begin(preamble(before) + text, text))
  const held = new Set<AsyncDisposable>()
  return {
    name,
    $,
    read: $,
    run: (script, options) => run(name, begin, script, options),
    ask: (script, options) => ask(name, begin, script, options),
    put: (file, remote, options) => put(name, begin, file, remote, options),
    write: (path, text, mode) => write(name, begin, path, text, mode),
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
