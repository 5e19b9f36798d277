/**
 * Scripts that are begun in the same turn of the event loop travel together, as one script: over a long line it is round trips
 * that a deploy waits for. Whoever runs a script need not know of it: each has its own output and exit code.
 */
import { randomBytes } from 'node:crypto'
import { brief, hostFaults } from '../faults.ts'
import type { Guard, Host } from '../host.ts'
import { type Output, type Script, sh } from '../script.ts'
import { lastLines, type Tapped } from './run.ts'

type Run = Host['run']

/** How scripts are run: behind the guard's line when they write, or without it. */
interface Ways {
  bare(script: Script, options: Tapped): Promise<Output>
  readonly guarded: Run
  readonly guard: Guard
}

/** Bytes of input that a script gets whole, whether it reads them or not: what a pipe of Linux holds, pipe(7). */
const PIPE = 65_536

interface Part {
  readonly script: Script
  readonly input: string
  readonly onLine?: ((line: string) => void) | undefined
}

interface Waiting extends Part {
  resolve(output: Output): void
  reject(error: unknown): void
}

/**
 * `Host.run`: what only reads runs side by side with what else reads, and what writes, or is `ordered`, runs in the order in
 * which it was begun. What comes behind one that failed is not run: it rejects with `COMMAND_SKIPPED`. A script travels alone
 * when it has a timeout, when its input is long, comes in pieces or holds a NUL, and when it only reads and has an `onLine`.
 */
export function inTurns(host: string, { bare, guarded, guard }: Ways, interruption: AbortSignal): Run {
  let anyhow: Waiting[] = []
  let ordered: Waiting[] = []

  const send = async (parts: readonly Waiting[], bundle: (parts: readonly Part[], mark: string) => Script) => {
    const [first] = parts
    if (first === undefined) return
    if (parts.length === 1) {
      const { script, input, onLine, resolve, reject } = first
      return guarded(script, onLine ? { input, onLine } : { input }).then(resolve, reject)
    }
    const mark = randomBytes(9).toString('hex')
    try {
      const input = parts.map(part => part.input).join('')
      const label = `${brief(nameOf(first.script))} and ${parts.length - 1} more`
      const guarding = behindGuard(parts)
      const script = sh.lines(...guarding.before, bundle(guarding.parts, mark))
      let failed: string | undefined
      const waiting = [...parts]
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
      for (const { script, reject } of waiting)
        reject(
          failed === undefined
            ? hostFaults.COMMAND_FAILED({ host, command: nameOf(script), code, stderr: lastLines(stderr) })
            : hostFaults.COMMAND_SKIPPED({ host, command: nameOf(script), after: failed }),
        )
    } catch (error) {
      for (const { reject } of parts) reject(error)
    }
  }

  /** Each that writes asks the guard: a script may wait for long, and another may take over meanwhile. */
  const behindGuard = (parts: readonly Part[]): { before: readonly Script[]; parts: readonly Part[] } => {
    const line = parts.some(({ script }) => script.writes) ? guard.script() : undefined
    if (!line) return { before: [], parts }
    const behind = (part: Part) =>
      part.script.writes ? { ...part, script: sh.lines(raw('_guard'), part.script) } : part
    return { before: [raw(`_guard() {\n${line.text}\n}`)], parts: parts.map(behind) }
  }

  const flush = (wasAborted: boolean) => {
    const [looking, changing] = [anyhow, ordered]
    anyhow = []
    ordered = []
    // What is begun after an interruption takes things back, and runs to its end. These were begun before it.
    if (interruption.aborted && !wasAborted)
      for (const { script, reject } of [...looking, ...changing])
        reject(hostFaults.COMMAND_INTERRUPTED({ host, command: nameOf(script) }))
    else {
      void send(looking, sideBySide)
      void send(changing, inOrder)
    }
  }

  return (script, options = {}) => {
    const { input = '', timeout, onLine } = options
    const alone =
      typeof input !== 'string' ||
      // No variable of a shell can hold it.
      input.includes('\0') ||
      Buffer.byteLength(input) > PIPE ||
      timeout !== undefined ||
      (!inOrderOf(script) && onLine !== undefined)
    if (alone) return guarded(script, options)
    return new Promise((resolve, reject) => {
      // After all that promises of this turn begin.
      if (anyhow.length + ordered.length === 0) setImmediate(flush, interruption.aborted)
      const queue = inOrderOf(script) ? ordered : anyhow
      queue.push({ script, input, onLine, resolve, reject })
    })
  }
}

/** What people see of a script. */
const nameOf = ({ label, text }: Script): string => label ?? text

const inOrderOf = ({ writes, ordered = false }: Script): boolean => writes || ordered

const raw = (text: string): Script => ({ writes: false, text })

/**
 * Each script as a function that runs in a shell of its own; `_part NAME` prints its output, a mark with its exit code, and its errors.
 *
 * Bash ignores `set -e` inside all that stands before `&&` or `||`, after `!`, or in a condition, in subshells and substitutions too: so each
 * call of `_part` has to be a plain command. It keeps what it knows in positional parameters: a variable of it would be seen by the script.
 */
const functions = (parts: readonly Part[], mark: string): Script =>
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
export const sideBySide = (parts: readonly Part[], mark: string): Script => {
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
export const inOrder = (parts: readonly Part[], mark: string): Script => {
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

/** The same host, on which also what only looks has its place in the order of its turn. */
export const orderly = (host: Host): Host => ({
  ...host,
  run: (script, options) => host.run(sh.ordered(script), options),
  ask: (script, options) => host.ask(sh.ordered(script), options),
})

/**
 * What was begun in the same turn, and has to come in that order: resolves when all is done. Rejects with what went wrong, and not with
 * what was skipped because of it.
 */
export async function inThisOrder(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).filter(it => it.status === 'rejected').map(it => it.reason)
  if (failed.length > 0) throw failed.find(reason => reason?.code !== 'COMMAND_SKIPPED') ?? failed[0]
}
