/** Implements `Host` on top of a `Machine`. */
import { attach } from './exec/attach.ts'
import { createBatcher } from './exec/batch.ts'
import { hold } from './exec/hold.ts'
import { interruptible, preamble, type Start } from './exec/process.ts'
import { queriesOver } from './exec/queries.ts'
import { capture, run, type Tapped } from './exec/run.ts'
import { shellOver } from './exec/shell.ts'
import { fileQuery, put } from './exec/transfer.ts'
import { guardedBy } from './exec/write-guard.ts'
import { copyingOn } from './files/copying.ts'
import { get } from './files/get.ts'
import { getFolder } from './files/get-folder.ts'
import { list } from './files/list.ts'
import { putFolder } from './files/put-folder.ts'
import type { Guard, Host, HostSetting } from './host.ts'
import type { Machine } from './machine.ts'
import type { Script } from './script.ts'

export function openHost(machine: Machine, { signal, guard = NONE }: Pick<HostSetting, 'signal' | 'guard'>): Host {
  const { name } = machine
  const begin = interruptible(machine, signal)
  const start = guardedBy(guard, begin)
  const shell = (starting: Start) => shellOver(name, ({ text, before }) => starting(preamble(before) + text, text))
  const bare = (script: Script, options: Tapped) => run(name, begin, script, options)
  const guarded: Host['run'] = (script, options) => run(name, script.writes ? start : begin, script, options)
  const queries = queriesOver(name, createBatcher(name, { bare, guarded, guard }, signal))
  const copying = copyingOn(machine, begin, start, signal)
  const held = new Set<AsyncDisposable>()
  return {
    name,
    $: shell(start),
    $readonly: shell(begin),
    run: guarded,
    capture: (script, options) => capture(name, guarded, script, options),
    ...queries,
    put: async (file, remote, options) => put(name, start, file, remote, options),
    write: (path, text, mode) => queries.query(fileQuery(path, text, mode)),
    get: async (remote, local, options) => get(copying, remote, local, options),
    list: async folder => list(copying, folder),
    getFolder: async (remote, local, options) => getFolder(copying, remote, local, options),
    putFolder: async (local, remote, options) => putFolder(copying, local, remote, options),
    attach: command => attach(machine, command),
    async spawn(script, first) {
      const process = await hold(machine, script, first)
      held.add(process)
      void process.ended.then(() => held.delete(process))
      return process
    },
    account: machine.account,
    ...(machine.connect && { connect: machine.connect }),
    ...(machine.traffic && { traffic: machine.traffic }),
    async [Symbol.asyncDispose]() {
      const ending = Promise.allSettled([...held].map(process => process[Symbol.asyncDispose]()))
      if (!machine.hangsUp) await ending
      await machine[Symbol.asyncDispose]()
    },
  }
}

const NONE: Guard = { script: () => undefined, refusal: () => undefined }
