/** The dry run of a host: scripts that only read are run, scripts that write are printed. */
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { deferred } from '../runner/promises.ts'
import type { Shell } from '../runner/task.ts'
import { endedProcess } from './exec/process.ts'
import { oneByOne, queriesOver } from './exec/queries.ts'
import { shellOver } from './exec/shell.ts'
import { fileQuery } from './exec/transfer.ts'
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
