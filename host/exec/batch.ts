/**
 * Scripts that travel together, as one script: over a long line it is round trips that a deploy waits for. Each has its own input, output and exit
 * code, and is settled when it ends.
 */
import { randomBytes } from 'node:crypto'
import { brief, hostFaults } from '../faults.ts'
import type { Guard, Host } from '../host.ts'
import { nameOf } from '../query.ts'
import { lastLines, type Output, type Script, sh } from '../script.ts'
import { type Part, type Send, settle, skip } from './queries.ts'
import type { Tapped } from './run.ts'
import { callGuard, guardFunction } from './write-guard.ts'

/** How scripts are run: behind the guard's line when they write, or without it. */
interface BatchRunner {
  bare(script: Script, options: Tapped): Promise<Output>
  readonly guarded: Host['run']
  readonly guard: Guard
}

/** Bytes of input that a script gets whole, whether it reads them or not: what a pipe of Linux holds, pipe(7). */
const PIPE = 65_536

/** A script and what it reads, without who waits for it. */
export type Piece = Pick<Part, 'script' | 'input'>

/**
 * Sends scripts together: side by side, or one by one, each with a place in the order, and none behind one that fails. A script travels alone when
 * its input is long or holds a NUL, and side by side also when its lines are to be told as they come.
 */
export function together(host: string, { bare, guarded, guard }: BatchRunner, interruption: AbortSignal): Send {
  const alone = (part: Part) => settle(guarded, part)

  /** Resolves to the name of the script that failed. */
  const bundled = async (
    parts: readonly Part[],
    bundle: (parts: readonly Piece[], mark: string) => Script,
  ): Promise<string | undefined> => {
    const [first] = parts
    if (first === undefined) return undefined
    if (parts.length === 1) return alone(first)
    const mark = randomBytes(9).toString('hex')
    let failed: string | undefined
    const waiting = [...parts]
    try {
      const input = parts.map(part => part.input).join('')
      const label = `${brief(nameOf(first.script))} and ${parts.length - 1} more`
      const guarding = behindGuard(parts)
      const script = sh.lines(...guarding.before, bundle(guarding.parts, mark))
      // Each hears of its end when it comes, and not when all have ended.
      const settle = (output: Output) => {
        const part = waiting.shift()
        if (!part) return
        if (output.code !== 0) failed ??= nameOf(part.script)
        const refused = part.script.writes && guard.refusal(output.code, output.stderr)
        if (refused) part.reject(refused)
        else part.resolve(output)
      }
      const onLine = telling(parts, mark)
      const { code, stderr } = await bare({ ...script, label }, { input, onLine, onChunk: outputs(mark, settle) })
      if (failed !== undefined) skip(host, waiting, failed)
      else
        for (const { script, reject } of waiting)
          reject(hostFaults.COMMAND_FAILED({ host, command: nameOf(script), code, stderr: lastLines(stderr) }))
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
    return failed ?? (waiting[0] && nameOf(waiting[0].script))
  }

  /** Each that writes asks the guard: a script may wait for long, and another may take over meanwhile. */
  const behindGuard = (parts: readonly Part[]): { before: readonly Script[]; parts: readonly Piece[] } => {
    const line = parts.some(({ script }) => script.writes) ? guard.script() : undefined
    if (!line) return { before: [], parts }
    const behind = (part: Part) => (part.script.writes ? { ...part, script: sh.lines(callGuard, part.script) } : part)
    return { before: [guardFunction(line)], parts: parts.map(behind) }
  }

  const travelsAlone = ({ input }: Part) =>
    // No variable of a shell can hold it.
    input.includes('\0') || Buffer.byteLength(input) > PIPE

  const inTheirOrder = async (parts: readonly Part[]) => {
    // What is begun after an interruption takes things back, and runs to its end.
    const wasAborted = interruption.aborted
    const left = [...parts]
    while (left.length > 0) {
      if (interruption.aborted && !wasAborted) {
        for (const { script, reject } of left) reject(hostFaults.COMMAND_INTERRUPTED({ host, command: nameOf(script) }))
        return
      }
      const end = left.findIndex(travelsAlone)
      const failed = await bundled(left.splice(0, end < 0 ? left.length : Math.max(1, end)), inOrder)
      if (failed !== undefined) return skip(host, left, failed)
    }
  }

  return async (parts, order) => {
    if (order === 'one by one') return inTheirOrder(parts)
    const single = (part: Part) => part.onLine !== undefined || travelsAlone(part)
    await Promise.all([
      ...parts.filter(single).map(alone),
      bundled(
        parts.filter(part => !single(part)),
        sideBySide,
      ),
    ])
  }
}

const raw = (text: string): Script => ({ writes: false, text })

/**
 * Each script as a function that runs in a shell of its own; `_part NAME` prints its output, a mark with its exit code, and its errors.
 *
 * Bash ignores `set -e` inside all that stands before `&&` or `||`, after `!`, or in a condition, in subshells and substitutions too: so each
 * call of `_part` has to be a plain command. It keeps what it knows in positional parameters: a variable of it would be seen by the script.
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

/** All begin at once, each with its own piece of the input; what they print comes in their order. */
export const sideBySide = (parts: readonly Piece[], mark: string): Script => {
  const inputs = parts.map(({ input }) => Buffer.byteLength(input)).filter(bytes => bytes > 0)
  // Taken first, because the pieces come one after the other. The x keeps the line breaks at the end, which `$()` would take away.
  const taken = inputs.map(bytes => `"$(head -c ${bytes}; printf x)"`)
  let piece = 0
  const begun = parts.map(({ input }, i) =>
    input === '' ? `<(_part _part${i} < /dev/null)` : `<(printf %s "\${${++piece}%x}" | _part _part${i})`,
  )
  return sh.lines(functions(parts, mark), raw(`set -- ${taken.join(' ')}`), raw(`cat ${begun.join(' ')}`))
}

/** One after the other, each with its own piece of the input, up to the first that fails. */
export const inOrder = (parts: readonly Piece[], mark: string): Script => {
  // What a script leaves of its piece is read to the end, or the next one would find it in its own.
  const steps = parts.map(({ input }, i) =>
    input === ''
      ? `_part _part${i} < /dev/null`
      : `head -c ${Buffer.byteLength(input)} | { _part _part${i}; set -- $?; cat > /dev/null; exit $1; }`,
  )
  return sh.lines(functions(parts, mark), { writes: true, text: steps.join('\n[ $? = 0 ] || exit 0\n') }, raw('exit 0'))
}

/** Reads what `_part` printed, one after the other, as it comes in pieces. */
export function outputs(mark: string, ended: (output: Output) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const end = rest.indexOf(`\n${mark}\n`)
      const out = end < 0 ? -1 : rest.lastIndexOf(`\n${mark} `, end - 1)
      if (out < 0) return
      const text = rest.toString('utf8', out + mark.length + 2, end)
      const [code = '', ...said] = text.split('\n')
      const stdout = rest.toString('utf8', 0, out)
      rest = rest.subarray(end + mark.length + 2)
      ended({ code: Number(code), stdout, stderr: said.join('\n') })
    }
  }
}

/** Gives each part the lines that are its own, as they come. */
function telling(parts: readonly Part[], mark: string): (line: string) => void {
  let at = 0
  let errors = false
  /** An empty line may be the break before the mark, which is ours. */
  let empty = false
  return line => {
    const tell = (text: string) => parts[at]?.onLine?.(text)
    if (line === mark && errors) {
      at += 1
      errors = false
    } else if (line.startsWith(`${mark} `)) {
      errors = true
      empty = false
    } else if (errors) {
      if (line !== '') tell(line)
    } else {
      if (empty) tell('')
      empty = line === ''
      if (!empty) tell(line)
    }
  }
}
