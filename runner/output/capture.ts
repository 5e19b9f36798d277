/**
 * Captures what code in this process prints directly, such as with `console.log`, and turns it into output of its step: secrets are hidden in it, the
 * tree is not disturbed, and `--json` stays JSON.
 */
import type { Sinks } from '../events.ts'
import type { Redactor } from '../secrets/redact.ts'
import { lineCutter } from './lines.ts'

export interface Capture extends Sinks {
  /** Sets the listener; lines that were printed before are passed to it at once. */
  onLine(listener: (line: string) => void): () => void
  /** Restores the original streams. Lines without a listener go to stderr. */
  release(): void
}

type Output = Pick<NodeJS.WriteStream, 'write'>

export function capture(stdout: Output, stderr: Output, redactor: Redactor): Capture {
  const early: string[] = []
  let listening: ((line: string) => void) | undefined
  const pass = (line: string) => (listening ? listening(line) : early.push(line))
  const streams = [stdout, stderr].map(stream => {
    const write = stream.write.bind(stream) as (text: string) => boolean
    const lines = lineCutter(redactor, pass)
    const own = Object.getOwnPropertyDescriptor(stream, 'write')
    stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown) => {
      lines.write(chunk)
      const callback = typeof encoding === 'function' ? encoding : done
      if (typeof callback === 'function') process.nextTick(callback as () => void)
      return true
    }) as Output['write']
    return { write, lines, release: () => restore(stream, own) }
  })
  let open = true
  return {
    out: text => void streams[0]?.write(text),
    err: text => void streams[1]?.write(text),
    onLine(listener) {
      listening = listener
      for (const line of early.splice(0)) listener(line)
      return () => {
        for (const { lines } of streams) lines.end()
        listening = undefined
      }
    },
    release() {
      if (!open) return
      open = false
      for (const { lines, release } of streams) {
        lines.end()
        release()
      }
      // Redacted again: these lines came before all secrets were known.
      for (const line of early.splice(0)) streams[1]?.write(`${redactor.text(line)}\n`)
    },
  }
}

function restore(stream: Output, own: PropertyDescriptor | undefined): void {
  if (own) Object.defineProperty(stream, 'write', own)
  else Reflect.deleteProperty(stream, 'write')
}
