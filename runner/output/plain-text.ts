/** Text that comes from a host or from another person, such as the reason of a lock: nothing in it may move a terminal's cursor. */
import { stripVTControlCharacters } from 'node:util'
import type { Renderer, RunEvent } from '../events.ts'

/** Control characters but for line break and tab, and those that turn the direction of writing. */
export const UNSEEN = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Without terminal codes; what is left of them is written out, such as `\x07`. */
export const visible = (text: string): string => stripVTControlCharacters(text).replace(UNSEEN, written)

const written = (letter: string): string => {
  const code = letter.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** In one line: a line break in what others wrote could pass for a line of ours. */
export const oneLine = (text: string): string => visible(text).replace(/\s*\n\s*/g, ' ')

/** What is one line in what we print. */
const LINES = new Set(['title', 'line', 'note', 'message', 'next', 'at', 'signal'])

/** A renderer for people which is handed nothing that a terminal would obey. */
export function forPeople(renderer: Renderer): Renderer {
  const clean = (name: string, value: unknown): unknown => {
    if (typeof value === 'string') return LINES.has(name) ? oneLine(value) : visible(value)
    if (Array.isArray(value)) return value.map(one => (typeof one === 'object' ? cleaned(one) : clean('title', one)))
    return value
  }
  const cleaned = (of: object): object =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [name, name === 'data' ? value : clean(name, value)]))
  return {
    ...renderer,
    handle: event => renderer.handle(cleaned(event) as RunEvent),
    ask: (question, signal) => renderer.ask(visible(question), signal),
    unwind: steps => renderer.unwind(steps.map(({ step, title }) => ({ step, title: oneLine(title) }))),
  }
}
