/** The dry run of a host: scripts that only read are run, scripts that write are printed. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { deferred } from '../runner/promises.ts'
import type { Shell } from '../runner/task.ts'
import { endedProcess } from './exec/process.ts'
import { oneByOne, queriesOver } from './exec/queries.ts'
import { shellOver } from './exec/shell.ts'
import { fileQuery } from './exec/transfer.ts'
import { walkLocal } from './files/walk.ts'
import type { Host, RemoteProcess } from './host.ts'
import { type Output, quote, type RunOptions, type Script } from './script.ts'

const amount = (input: NonNullable<RunOptions['input']>): string =>
  typeof input === 'string' ? `${Buffer.byteLength(input)} bytes` : 'a stream'

const DONE: Output = { code: 0, stdout: '', stderr: '' }

/** @param print called once a line; it has to hide the secrets */
export function dryHost(host: Host, print: (line: string) => void): Host {
  const printCommand = (text: string) => {
    const [first = '', ...rest] = text.trimEnd().split('\n')
    print(`${host.name}$ ${first}`)
    for (const line of rest) print(`  ${line}`)
  }
  const printScript = ({ text, printed }: Script, { input }: RunOptions = {}) =>
    printCommand(printed ?? (input === undefined ? text : `${text}\n(with ${amount(input)} as its input)`))
  const $: Shell = shellOver(host.name, ({ text, before }) => {
    printCommand([...before, text].join('\n'))
    return endedProcess({ code: 0, signal: null })
  })
  const run: Host['run'] = async (script, options) => {
    if (!script.writes) return host.run(script, options)
    printScript(script, options)
    return DONE
  }
  const { query, pipeline } = queriesOver(host.name, oneByOne(host.name, run))
  return {
    name: host.name,
    $,
    $readonly: host.$readonly,
    run,
    async capture(script, options) {
      if (!script.writes) return host.capture(script, options)
      printScript(script, options)
      return ''
    },
    query,
    pipeline,
    all: host.all,
    async put(local, remote, { mode = 0o644 } = {}) {
      // A dry run builds nothing, so the file may not exist.
      const size = await stat(local).then(
        file => `${file.size} bytes`,
        () => 'not built yet',
      )
      printCommand(`put ${quote(local)} ${quote(remote)} (mode ${mode.toString(8)}, ${size})`)
    },
    async get(remote, local, { mode = 0o600 } = {}) {
      printCommand(`get ${quote(remote)} ${quote(local)} (mode ${mode.toString(8)})`)
    },
    list: host.list,
    async getFolder(remote, local) {
      printCommand(`getFolder ${quote(remote)} ${quote(local)}`)
      return { files: 0, bytes: 0, skipped: [] }
    },
    async putFolder(local, remote) {
      const walked = await walkLocal(resolve(local)).catch(() => undefined)
      const sizes = walked?.entries.flatMap(({ type, size }) => (type === 'file' ? [size] : [])) ?? []
      const copied = sizes.reduce((sum, size) => sum + size, 0)
      const what = walked ? `${sizes.length} files, ${copied} bytes` : 'not built yet'
      printCommand(`putFolder ${quote(local)} ${quote(remote)} (${what})`)
      return { files: sizes.length, bytes: copied, skipped: walked?.skipped ?? [] }
    },
    write: (path, text, mode) => query(fileQuery(path, text, mode)),
    async attach(command) {
      printCommand(`${command} (with this terminal)`)
      return 0
    },
    async spawn(script, first) {
      if (!script.writes) return host.spawn(script, first)
      printScript(script)
      return printedProcess()
    },
    account: host.account,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

/** Stands for a script that was only printed: exits with 0 when it is disposed of. */
function printedProcess(): RemoteProcess {
  const ended = deferred<number>()
  return {
    lines: Readable.from([]),
    send: () => undefined,
    ended: ended.promise,
    [Symbol.asyncDispose]: async () => ended.resolve(0),
  }
}
