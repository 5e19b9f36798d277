/** `Host.spawn`: a script that keeps running, such as the holder of a lock. */
import { Readable } from 'node:stream'
import { Fault } from '../../runner/fault.ts'
import type { RemoteProcess } from '../host.ts'
import type { Machine } from '../machine.ts'
import type { Script } from '../script.ts'
import { start } from './process.ts'
import { eachLine, exitCode, scriptText } from './run.ts'

/** Milliseconds that a script gets to exit after the end of its stdin before it gets SIGTERM, and again before SIGKILL. */
const GRACE = 5_000

export async function hold(machine: Machine, script: Script, first?: string): Promise<RemoteProcess> {
  const process = start(machine, scriptText(script), script.text)
  if (first !== undefined) process.stdin.write(`${first}\n`)
  // Buffers the lines, so that a script whose lines nobody reads can still exit.
  const lines = new Readable({ objectMode: true, read() {} })
  eachLine(process.stdout, line => lines.push(line))
  process.stdout.on('end', () => lines.push(null))
  process.stderr.resume()
  const end = process.ended
  await process.started
  const failure = await Promise.race([end, undefined])
  if (failure instanceof Fault) throw failure

  const ended = end.then(ending => (ending instanceof Fault ? undefined : exitCode(ending)))
  return {
    lines: { [Symbol.asyncIterator]: () => lines.iterator({ destroyOnReturn: false }) },
    send: line => void process.stdin.write(`${line}\n`),
    ended,
    async [Symbol.asyncDispose]() {
      process.stdin.end()
      const late = (['SIGTERM', 'SIGKILL'] as const).map((name, i) => setTimeout(process.kill, GRACE * (i + 1), name))
      await ended
      for (const timer of late) clearTimeout(timer)
    },
  }
}
