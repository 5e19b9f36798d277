/** The dry run of a host, in one place: what only looks is done, what would change something is printed. */
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { deferred } from '../runner/promises.ts'
import type { Shell } from '../runner/task.ts'
import { ended } from './exec/process.ts'
import { oneByOne, queriesOver } from './exec/queries.ts'
import { shellOver } from './exec/shell.ts'
import { fileQuery } from './exec/transfer.ts'
import type { Host, RemoteProcess } from './host.ts'
import { type Output, quote, type RunOptions, type Script } from './script.ts'

const amount = (input: NonNullable<RunOptions['input']>): string =>
  typeof input === 'string' ? `${Buffer.byteLength(input)} bytes` : 'a stream'

const DONE: Output = { code: 0, stdout: '', stderr: '' }

/** Each call of `print` is one line; whoever prints it hides the secrets, as everywhere. */
export function dryHost(host: Host, print: (line: string) => void): Host {
  const say = (text: string) => {
    const [first = '', ...rest] = text.trimEnd().split('\n')
    print(`${host.name}$ ${first}`)
    for (const line of rest) print(`  ${line}`)
  }
  const script = ({ text, printed }: Script, { input }: RunOptions = {}) =>
    say(printed ?? (input === undefined ? text : `${text}\n(with ${amount(input)} as its input)`))
  const $: Shell = shellOver(host.name, ({ text, before }) => {
    say([...before, text].join('\n'))
    return ended({ code: 0, signal: null })
  })
  const run: Host['run'] = async (it, options) => {
    if (!it.writes) return host.run(it, options)
    script(it, options)
    return DONE
  }
  const { query, pipeline } = queriesOver(host.name, oneByOne(host.name, run))
  return {
    name: host.name,
    $,
    $readonly: host.$readonly,
    run,
    async capture(it, options) {
      if (!it.writes) return host.capture(it, options)
      script(it, options)
      return ''
    },
    query,
    pipeline,
    all: host.all,
    async put(local, remote, { mode = 0o644 } = {}) {
      // In a dry run nothing was built.
      const size = await stat(local).then(
        it => `${it.size} bytes`,
        () => 'not made yet',
      )
      say(`put ${quote(local)} ${quote(remote)} (mode ${mode.toString(8)}, ${size})`)
    },
    write: (path, text, mode) => query(fileQuery(path, text, mode)),
    async attach(command) {
      say(`${command} (with this terminal)`)
      return 0
    },
    async spawn(it, first) {
      if (!it.writes) return host.spawn(it, first)
      script(it)
      return heldNothing()
    },
    account: host.account,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

/** Ends when it is let go, like a holder whose script went well. */
function heldNothing(): RemoteProcess {
  const ended = deferred<number>()
  return {
    lines: Readable.from([]),
    send: () => undefined,
    ended: ended.promise,
    [Symbol.asyncDispose]: async () => ended.resolve(0),
  }
}
