/** Cuts output that comes in pieces into lines. */
import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import type { Redactor } from '../secrets/redact.ts'

export interface LineCutter {
  write(chunk: Uint8Array | string): void
  /** Gives the last line when it has no line break. */
  end(): void
}

/** Lines without secrets and without terminal codes. A carriage return ends a line, as progress bars use it. */
export function lineCutter(redactor: Redactor, onLine: (line: string) => void): LineCutter {
  const decoder = new StringDecoder('utf8')
  const hidden = redactor.stream()
  let rest = ''
  const give = (line: string) => {
    const plain = stripVTControlCharacters(line)
    // A line of nothing but codes moved the cursor; an empty line is a line.
    if (plain !== '' || line === '') onLine(plain)
  }
  const feed = (text: string) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?=[^\n])/)
    rest = lines.pop() ?? ''
    for (const line of lines) give(line)
  }
  return {
    write: chunk => feed(hidden.write(typeof chunk === 'string' ? chunk : decoder.write(chunk as Buffer))),
    end() {
      feed(hidden.write(decoder.end()) + hidden.end())
      const last = rest.replace(/\r$/, '')
      rest = ''
      if (last !== '') give(last)
    },
  }
}
