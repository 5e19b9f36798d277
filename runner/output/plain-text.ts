/** Makes text of others, such as of a host or the reason of a lock, safe for a terminal. */
import { stripVTControlCharacters } from 'node:util'
import type { Renderer, RunEvent } from '../events.ts'

/** Control characters except line break and tab, and characters that change the writing direction. */
export const UNSEEN = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Removes terminal codes, and escapes other control characters, such as `\x07`. */
export const visible = (text: string): string => stripVTControlCharacters(text).replace(UNSEEN, escaped)

const escaped = (char: string): string => {
  const code = char.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** As `visible`, in one line: a line break in foreign text could fake a line of ours. */
export const oneLine = (text: string): string => visible(text).replace(/\s*\n\s*/g, ' ')

/** Makes a text bold, for terminals with colours: SGR of ECMA-48. */
export const bold = (text: string): string => `\x1b[1m${text}\x1b[22m`

/** As `visible`, except that bold text stays bold. */
const visibleOrBold = (text: string): string =>
  text
    .split(/\x1b\[1m([^\x1b\n]*)\x1b\[22m/)
    .map((part, i) => (i % 2 === 0 ? visible(part) : bold(visible(part))))
    .join('')

/** The fields of events that are printed as one line. */
const LINES = new Set(['title', 'line', 'note', 'message', 'hint', 'at', 'signal', 'label'])

/**
 * A renderer that gets only text that is safe for a terminal.
 *
 * @param colours whether the terminal has colours, and bold text
 */
export function forPeople(renderer: Renderer, colours: boolean): Renderer {
  const clean = (name: string, value: unknown): unknown => {
    if (typeof value === 'string') return LINES.has(name) ? oneLine(value) : visible(value)
    if (Array.isArray(value))
      return value.map(item => (typeof item === 'object' ? cleaned(item) : clean('title', item)))
    return value
  }
  const cleaned = (of: object): object =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [name, name === 'data' ? value : clean(name, value)]))
  const safe = (event: RunEvent): RunEvent =>
    ({ ...cleaned(event), ...(colours && event.type === 'show' && { text: visibleOrBold(event.text) }) }) as RunEvent
  return {
    ...renderer,
    ...(colours && { bold }),
    handle: event => renderer.handle(safe(event)),
    ask: (question, signal) => renderer.ask(visible(question), signal),
    unwind: steps => renderer.unwind(steps.map(({ step, title }) => ({ step, title: oneLine(title) }))),
  }
}
