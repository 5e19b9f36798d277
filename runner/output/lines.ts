/** Splits a stream of output into lines. */
import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import type { Redactor } from '../secrets/redact.ts'

export interface LineCutter {
  write(chunk: Uint8Array | string): void
  /** Emits the last line if it has no line break. */
  end(): void
}

/** Emits lines without secrets and terminal codes. A carriage return ends a line, because progress bars use it. */
export function lineCutter(redactor: Redactor, onLine: (line: string) => void): LineCutter {
  const decoder = new StringDecoder('utf8')
  const hidden = redactor.stream()
  let rest = ''
  const emit = (line: string) => {
    const plain = stripVTControlCharacters(line)
    // Drops a line that consists of terminal codes only, but keeps an empty one.
    if (plain !== '' || line === '') onLine(plain)
  }
  const feed = (text: string) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?=[^\n])/)
    rest = lines.pop() ?? ''
    for (const line of lines) emit(line)
  }
  return {
    write: chunk => feed(hidden.write(typeof chunk === 'string' ? chunk : decoder.write(chunk as Buffer))),
    end() {
      feed(hidden.write(decoder.end()) + hidden.end())
      const last = rest.replace(/\r$/, '')
      rest = ''
      if (last !== '') emit(last)
    },
  }
}
