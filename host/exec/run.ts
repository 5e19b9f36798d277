/** `Host.run` and `Host.capture`: run one script to its end and collect its output. */
import { constants } from 'node:os'
import { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { Fault } from '../../runner/fault.ts'
import { lastLines } from '../../runner/units.ts'
import { hostFaults } from '../faults.ts'
import type { Host } from '../host.ts'
import type { Known } from '../machine.ts'
import type { Output, RunOptions, Script } from '../script.ts'
import { type Process, preamble, type Start } from './process.ts'

/** The value of `$?` in a shell. */
export const exitCode = ({ code, signal }: Known): number => code ?? 128 + constants.signals[signal]

/** The text as a whole bash script. */
export const scriptText = (script: Script): string => preamble() + script.text

/** Milliseconds that a process group gets to exit after SIGTERM, and again after SIGKILL. */
const GRACE = 5_000

export interface Tapped extends RunOptions {
  /** Called with each chunk of stdout while the script runs. */
  readonly onChunk?: (chunk: Buffer) => void
}

export async function run(
  host: string,
  start: Start,
  script: Script,
  options: Tapped = {},
  feed: (process: Process) => unknown = process => writeInput(process, options.input),
): Promise<Output> {
  const process = start(scriptText(script), script.label ?? script.text)
  const { onLine, keep = true } = options
  const [stdout, stderr] = (['stdout', 'stderr'] as const).map(from => {
    if (onLine) eachLine(process[from], line => onLine(line, from))
    if (keep) return gather(process[from])
    process[from].resume()
    return () => ''
  }) as [() => string, () => string]
  if (options.onChunk) process.stdout.on('data', options.onChunk)
  feed(process)
  const late = options.timeout === undefined ? undefined : limit(process, options.timeout)
  const ending = await (late === undefined ? process.ended : Promise.race([process.ended, late.overdue]))
  late?.clear()
  if (late?.fired() === true) {
    const command = script.label ?? script.text
    throw hostFaults.COMMAND_TIMED_OUT({ host, command, stderr: lastLines(stderr()), timeout: options.timeout ?? 0 })
  }
  if (ending instanceof Fault) throw ending
  return { code: exitCode(ending), stdout: stdout(), stderr: stderr() }
}

function writeInput({ stdin }: Process, input: RunOptions['input'] = ''): void {
  if (typeof input === 'string') return void stdin.end(input)
  const chunks = Readable.from(input)
  // The producer of the chunks reports its own errors; the script only sees the end of its input.
  chunks.on('error', () => stdin.end())
  stdin.on('close', () => chunks.destroy())
  chunks.pipe(stdin)
}

export async function capture(host: string, run: Host['run'], script: Script, options?: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(script, options)
  if (code === 0) return stdout.replace(/\r?\n$/, '')
  throw hostFaults.COMMAND_FAILED({
    host,
    command: script.label ?? script.text,
    code,
    stderr: lastLines(stderr || stdout),
  })
}

/** Ends the process group after `timeout` ms from its start. `overdue` resolves if it still runs some time after SIGKILL. */
function limit(process: Process, timeout: number) {
  let fired = false
  let timer: NodeJS.Timeout
  let giveUp = (_: Known) => {}
  const overdue = new Promise<Known>(resolve => {
    giveUp = resolve
  })
  const kill = () => {
    process.kill('SIGKILL')
    timer = setTimeout(() => giveUp({ code: null, signal: 'SIGKILL' }), GRACE)
  }
  const end = () => {
    fired = true
    process.kill('SIGTERM')
    timer = setTimeout(kill, GRACE)
  }
  let over = false
  void process.started.then(() => {
    if (!over) timer = setTimeout(end, timeout)
  })
  const clear = () => {
    over = true
    clearTimeout(timer)
  }
  return { overdue, fired: () => fired, clear }
}

/** Collects a stream as text. */
export function gather(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

/** Calls `onLine` for each line of a stream while it comes. Keeps none of them, because some streams last for days. */
export function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  const decoder = new StringDecoder()
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line.replace(/\r$/, ''))
  })
  stream.on('end', () => {
    rest += decoder.end()
    if (rest !== '') onLine(rest)
  })
}
