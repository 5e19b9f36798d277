/**
 * Combines several scripts into one, to save round trips. Each has its own input, output and exit code, and is settled as soon as it ends, before the
 * batch does.
 */
import { randomBytes } from 'node:crypto'
import { lastLines } from '../../runner/units.ts'
import { brief, hostFaults } from '../faults.ts'
import type { Guard, Host } from '../host.ts'
import { nameOf } from '../query.ts'
import { type Output, quote, raw, type Script, sh } from '../script.ts'
import { type Part, type Send, settle, skip } from './queries.ts'
import type { Tapped } from './run.ts'
import { callGuard, guardFunction } from './write-guard.ts'

interface BatchRunner {
  /** Runs a script without the guard. */
  bare(script: Script, options: Tapped): Promise<Output>
  /** Runs a script, behind the guard if it writes. */
  readonly guarded: Host['run']
  readonly guard: Guard
}

/** Capacity of a Linux pipe in bytes, pipe(7): so much input can be written to a script that does not read it. */
const PIPE = 65_536

/** A script and its input, without the promise that it settles. */
export type Piece = Pick<Part, 'script' | 'input'>

/** Several scripts as one, and its input. */
interface Bundle {
  readonly script: Script
  readonly input: string
}

/**
 * Sends scripts in batches: side by side, or one by one, where the first failure skips the rest. A script is sent alone if its input is longer than a
 * pipe or contains a NUL, and in a side-by-side batch also if it streams its lines.
 */
export function createBatcher(host: string, { bare, guarded, guard }: BatchRunner, interruption: AbortSignal): Send {
  const alone = (part: Part) => settle(guarded, part)

  /** Resolves to the name of the script that failed, or to undefined. */
  const bundled = async (
    parts: readonly Part[],
    bundle: (parts: readonly Piece[], mark: string) => Bundle,
  ): Promise<string | undefined> => {
    const [first] = parts
    if (first === undefined) return undefined
    if (parts.length === 1) return alone(first)
    const mark = randomBytes(9).toString('hex')
    let failed: string | undefined
    const waiting = [...parts]
    try {
      const label = `${brief(nameOf(first.script))} and ${parts.length - 1} more`
      const guarding = withGuard(parts)
      const { script: bundled, input } = bundle(guarding.parts, mark)
      const script = sh.lines(...guarding.before, bundled)
      const onOutput = (output: Output) => {
        const part = waiting.shift()
        if (!part) return
        if (output.code !== 0) failed ??= nameOf(part.script)
        const refused = part.script.writes && guard.refusal(output.code, output.stderr)
        if (refused) part.reject(refused)
        else part.resolve(output)
      }
      const onLine = lineRouter(parts, mark)
      const { code, stderr } = await bare({ ...script, label }, { input, onLine, onChunk: outputs(mark, onOutput) })
      if (failed !== undefined) skip(host, waiting, failed)
      else
        for (const { script, reject } of waiting)
          reject(hostFaults.COMMAND_FAILED({ host, command: nameOf(script), code, stderr: lastLines(stderr) }))
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
    return failed ?? (waiting[0] && nameOf(waiting[0].script))
  }

  /** Calls the guard before each script that writes: an earlier script may take long, and another run may take over meanwhile. */
  const withGuard = (parts: readonly Part[]): { before: readonly Script[]; parts: readonly Piece[] } => {
    const line = parts.some(({ script }) => script.writes) ? guard.script() : undefined
    if (!line) return { before: [], parts }
    const guardedPart = (part: Part) =>
      part.script.writes ? { ...part, script: sh.lines(callGuard, part.script) } : part
    return { before: [guardFunction(line)], parts: parts.map(guardedPart) }
  }

  const isSentAlone = ({ input }: Part) =>
    // No shell variable can hold a NUL.
    input.includes('\0') || Buffer.byteLength(input) > PIPE

  const oneByOne = async (parts: readonly Part[]) => {
    // Scripts started after an interruption undo earlier steps: they run to their end.
    const wasAborted = interruption.aborted
    const left = [...parts]
    while (left.length > 0) {
      if (interruption.aborted && !wasAborted) {
        for (const { script, reject } of left) reject(hostFaults.COMMAND_INTERRUPTED({ host, command: nameOf(script) }))
        return
      }
      const end = left.findIndex(isSentAlone)
      const failed = await bundled(left.splice(0, end < 0 ? left.length : Math.max(1, end)), inOrder)
      if (failed !== undefined) return skip(host, left, failed)
    }
  }

  return async (parts, order) => {
    if (order === 'one by one') return oneByOne(parts)
    const single = (part: Part) => part.onLine !== undefined || isSentAlone(part)
    await Promise.all([
      ...parts.filter(single).map(alone),
      bundled(
        parts.filter(part => !single(part)),
        sideBySide,
      ),
    ])
  }
}

/**
 * Each script as a function that runs in a subshell; `_part NAME` prints its output, a mark with its exit code, its stderr, and the mark again.
 *
 * Bash ignores `set -e` in everything before `&&` or `||`, after `!`, or in a condition, subshells and substitutions included: so each call of `_part`
 * has to be a plain command. `_part` keeps its state in positional parameters, because the script would see its variables.
 */
const functions = (parts: readonly Piece[], mark: string): Script =>
  sh.lines(
    sh.read`begun=\${EPOCHREALTIME-}`,
    ...parts.map(({ script }, i) => sh.read`_part${i}() ( set -eu -o pipefail\n${script}\n)`),
    sh.read`_part() {
  { set -- "$("$1" 2>&1 >&3 3>&-)" "$?"; } 3>&1
  printf '\\n%s %s\\n%s\\n%s\\n' ${mark} "$2" "$1" ${mark}
  return "$2"
}
set +e +o pipefail`,
  )

/**
 * Starts all scripts at once. Their output comes in the order of `parts`. Their inputs are part of the script, because they cannot share one stream; and so
 * they are packed with it if it is long.
 */
export const sideBySide = (parts: readonly Piece[], mark: string): Bundle => {
  const started = parts.map(({ input }, i) =>
    input === '' ? `<(_part _part${i} < /dev/null)` : `<(printf %s ${quote(input)} | _part _part${i})`,
  )
  return { script: sh.lines(functions(parts, mark), raw(`cat ${started.join(' ')}`)), input: '' }
}

/** Runs the scripts one after the other, each with its own part of the input, and stops at the first failure. */
export const inOrder = (parts: readonly Piece[], mark: string): Bundle => {
  // Reads what a script leaves of its input, or the next script would read it.
  const steps = parts.map(({ input }, i) =>
    input === ''
      ? `_part _part${i} < /dev/null`
      : `head -c ${Buffer.byteLength(input)} | { _part _part${i}; set -- $?; cat > /dev/null; exit $1; }`,
  )
  const all = { writes: true, text: steps.join('\n[ $? = 0 ] || exit 0\n') }
  return {
    script: sh.lines(functions(parts, mark), all, raw('exit 0')),
    input: parts.map(({ input }) => input).join(''),
  }
}

/** Parses the output of `_part` from a stream of chunks; calls `ended` for each script that has ended. */
export function outputs(mark: string, ended: (output: Output) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const end = rest.indexOf(`\n${mark}\n`)
      const out = end < 0 ? -1 : rest.lastIndexOf(`\n${mark} `, end - 1)
      if (out < 0) return
      const text = rest.toString('utf8', out + mark.length + 2, end)
      const [code = '', ...stderr] = text.split('\n')
      const stdout = rest.toString('utf8', 0, out)
      rest = rest.subarray(end + mark.length + 2)
      ended({ code: Number(code), stdout, stderr: stderr.join('\n') })
    }
  }
}

/** Passes each line of the batch to the `onLine` of the script that printed it. */
function lineRouter(parts: readonly Part[], mark: string): (line: string) => void {
  let at = 0
  let errors = false
  /** The last line was empty: it may be the line break that `_part` prints before the mark. */
  let empty = false
  return line => {
    const pass = (text: string) => parts[at]?.onLine?.(text)
    if (line === mark && errors) {
      at += 1
      errors = false
    } else if (line.startsWith(`${mark} `)) {
      errors = true
      empty = false
    } else if (errors) {
      if (line !== '') pass(line)
    } else {
      if (empty) pass('')
      empty = line === ''
      if (!empty) pass(line)
    }
  }
}
