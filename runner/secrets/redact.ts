/**
 * Hides secrets in all output.
 *
 * A value is hidden verbatim, line by line, and in the encodings of JSON, shells, URLs and base64. Values and lines of fewer than four characters are not
 * hidden: masking every `1` would make the output unreadable.
 */
export interface Redactor {
  /** Hides these values from now on. */
  hide(values: Iterable<string>): void
  /** Replaces every hidden value in the text. */
  text(text: string): string
  /** The same for a stream: finds a secret that is split between two chunks. */
  stream(): RedactedStream
}

export interface RedactedStream {
  /** Returns what can be shown so far: without the end, if a secret may start there. */
  write(chunk: string): string
  /** Returns the rest. */
  end(): string
}

export const MASK = '[hidden]'
const SHORTEST = 4

/** From inclusive, to exclusive. */
type Span = readonly [from: number, to: number]

export function redactor(): Redactor {
  const forms = new Set<string>()

  const mask = (text: string, spans: readonly Span[]) => {
    let out = ''
    let end = 0
    for (const [from, to] of spans) {
      out += text.slice(end, from) + MASK
      end = to
    }
    return out + text.slice(end)
  }

  return {
    hide(values) {
      for (const value of values) for (const form of formsOf(value)) forms.add(form)
    },
    text: text => mask(text, spansIn(text, forms)),
    stream() {
      let held = ''
      return {
        write(chunk) {
          held += chunk
          const spans = spansIn(held, forms)
          let safe = safeEnd(held, forms)
          // A secret is shown as one mask or held back: its end may be the start of another secret.
          for (const [from, to] of spans.toReversed()) if (safe < to && safe > from) safe = from
          const out = mask(
            held.slice(0, safe),
            spans.filter(([, to]) => to <= safe),
          )
          held = held.slice(safe)
          return out
        },
        end() {
          const out = mask(held, spansIn(held, forms))
          held = ''
          return out
        },
      }
    },
  }
}

/** A value and its lines, without those that are too short to be hidden. */
export function secretTexts(value: string): string[] {
  const lines = value.split(/\r?\n/)
  const plain = [value, value.trim(), ...(lines.length > 1 ? lines.flatMap(line => [line, line.trim()]) : [])]
  return plain.filter(text => text.length >= SHORTEST && text.trim() !== '')
}

/** All encodings in which a value may be printed. */
function formsOf(value: string): string[] {
  return secretTexts(value)
    .flatMap(text => [text, ...escaped(text), ...encoded(text)])
    .filter(text => text.length >= SHORTEST)
}

/** Escaped as in JSON, and as in the quotes of a shell, of zx and of an environment file. */
function escaped(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const ansi = json.replaceAll('\\"', '"').replaceAll("'", "\\'")
  return [json, ansi, text.replaceAll("'", `'\\''`), text.replace(/["\\`$]/g, '\\$&')]
}

function encoded(text: string): string[] {
  const whole = Buffer.from(text).toString()
  const component = encodeURIComponent(whole)
  // RFC 3986, which most other languages follow, escapes more characters than JavaScript.
  const strict = component.replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const urls = [encodeURI(whole), component, strict, new URLSearchParams([['', whole]]).toString().slice(1)]
  return [...urls, Buffer.from(text).toString('base64').replace(/=+$/, ''), ...insideBase64(text)].flatMap(form => [
    form,
    form.replaceAll('+', '-').replaceAll('/', '_'),
  ])
}

/**
 * The characters that a value always produces in the base64 of a longer text, such as `user:password`. They depend on the number of bytes before it,
 * modulo three.
 */
function insideBase64(text: string): string[] {
  const bytes = Buffer.from(text)
  return [0, 1, 2]
    .map(before => {
      const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
      return whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    })
    .filter(form => form.length >= 2 * SHORTEST)
}

/** The positions of hidden values; overlapping ones are merged. */
function spansIn(text: string, forms: ReadonlySet<string>): Span[] {
  const found: [number, number][] = []
  for (const form of forms) {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) found.push([at, at + form.length])
  }
  found.sort((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const span of found) {
    const last = joined.at(-1)
    if (last && span[0] < last[1]) last[1] = Math.max(last[1], span[1])
    else joined.push(span)
  }
  return joined
}

/** The first position from which the end of the text could be the start of a hidden value. */
function safeEnd(text: string, forms: ReadonlySet<string>): number {
  let safe = text.length
  for (const form of forms) {
    for (let at = Math.max(0, text.length - form.length + 1); at < safe; at++) {
      if (form.startsWith(text.slice(at))) safe = at
    }
  }
  return safe
}
