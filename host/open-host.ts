/** All that a `Host` promises, on top of the little that a `Machine` offers. */
import { attach } from './attach.ts'
import { guardedBy } from './guard.ts'
import { hold } from './hold.ts'
import type { Guard, Host, HostSetting } from './host.ts'
import type { Machine } from './machine.ts'
import { interruptible, preamble, type Start } from './process.ts'
import { ask, run } from './run.ts'
import type { Script } from './script.ts'
import { shellOver } from './shell.ts'
import { put, write } from './transfer.ts'

export function openHost(machine: Machine, { signal, guard = NONE }: Pick<HostSetting, 'signal' | 'guard'>): Host {
  const { name } = machine
  const begin = interruptible(machine, signal)
  const { start, judged } = guardedBy(guard, begin)
  const shell = (starting: Start) => shellOver(name, ({ text, before }) => starting(preamble(before) + text, text))
  const starting = ({ writes }: Script) => (writes ? start : begin)
  const way = () => ({ start: judged, guard: guard.script() })
  const held = new Set<AsyncDisposable>()
  return {
    name,
    $: shell(start),
    read: shell(begin),
    run: (script, options) => run(name, starting(script), script, options),
    ask: (script, options) => ask(name, starting(script), script, options),
    put: async (file, remote, options) => put(name, way(), file, remote, options),
    write: async (path, text, mode) => write(name, way(), path, text, mode),
    attach: command => attach(machine, command),
    async hold(script) {
      const it = await hold(machine, script)
      held.add(it)
      void it.ended.then(() => held.delete(it))
      return it
    },
    ...(machine.connect && { connect: machine.connect }),
    ...(machine.traffic && { traffic: machine.traffic }),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([...held].map(it => it[Symbol.asyncDispose]()))
      await machine[Symbol.asyncDispose]()
    },
  }
}

const NONE: Guard = { script: () => undefined, refusal: () => undefined }
