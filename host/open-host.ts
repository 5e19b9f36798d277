/** All that a `Host` promises, on top of the little that a `Machine` offers. */
import { attach } from './exec/attach.ts'
import { inTurns } from './exec/batch.ts'
import { hold } from './exec/hold.ts'
import { interruptible, preamble, type Start } from './exec/process.ts'
import { ask, run, type Tapped } from './exec/run.ts'
import { shellOver } from './exec/shell.ts'
import { put, write } from './exec/transfer.ts'
import { guardedBy } from './exec/write-guard.ts'
import type { Guard, Host, HostSetting } from './host.ts'
import type { Machine } from './machine.ts'
import type { Script } from './script.ts'

export function openHost(machine: Machine, { signal, guard = NONE }: Pick<HostSetting, 'signal' | 'guard'>): Host {
  const { name } = machine
  const begin = interruptible(machine, signal)
  const { start, judged } = guardedBy(guard, begin)
  const shell = (starting: Start) => shellOver(name, ({ text, before }) => starting(preamble(before) + text, text))
  const bare = (script: Script, options: Tapped) => run(name, begin, script, options)
  const guarded: Host['run'] = (script, options) => run(name, script.writes ? start : begin, script, options)
  const together = inTurns(name, { bare, guarded, guard }, signal)
  const way = () => ({ start: judged, guard: guard.script() })
  const held = new Set<AsyncDisposable>()
  return {
    name,
    $: shell(start),
    read: shell(begin),
    run: together,
    ask: (script, options) => ask(name, together, script, options),
    put: async (file, remote, options) => put(name, way(), file, remote, options),
    write: async (path, text, mode) => write(name, { run: together, guard: guard.script() }, path, text, mode),
    attach: command => attach(machine, command),
    async hold(script, first) {
      const it = await hold(machine, script, first)
      held.add(it)
      void it.ended.then(() => held.delete(it))
      return it
    },
    account: machine.account,
    ...(machine.connect && { connect: machine.connect }),
    ...(machine.traffic && { traffic: machine.traffic }),
    async [Symbol.asyncDispose]() {
      const ending = Promise.allSettled([...held].map(it => it[Symbol.asyncDispose]()))
      if (!machine.hangsUp) await ending
      await machine[Symbol.asyncDispose]()
    },
  }
}

const NONE: Guard = { script: () => undefined, refusal: () => undefined }
