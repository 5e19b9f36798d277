/** The one way from a run to its renderer: nothing gets past the redactor. */
import type { Renderer, RunEvent } from '../events.ts'
import { MASK, type Redactor } from '../secrets/redact.ts'

/** Words and numbers of our own, which can hold no secret: the vocabulary of the events themselves. */
const ours = new Set(['type', 'step', 'command', 'code', 'during', 'state', 'signal', 'ms', 'exitCode', 'traffic'])

/** @param names gives the commands in a message the names that they have in the Taskfile */
export function redactingEmitter(
  renderer: Renderer,
  redactor: Redactor,
  names: (text: string) => string = text => text,
): (event: RunEvent) => void {
  const named = { text: (text: string) => names(redactor.text(text)) }
  return event => {
    // In an error, `command` is what was run, not what was typed.
    const plain = (name: string) => ours.has(name) && !(event.type === 'error' && name === 'command')
    const entries = Object.entries(event).map(([name, value]) => [
      name,
      plain(name) ? value : hidden(value, FOREIGN.has(name) ? redactor : named),
    ])
    const timings = event.type === 'result' && event.timings?.map(one => ({ ...one, title: redactor.text(one.title) }))
    renderer.handle({ ...Object.fromEntries(entries), ...(timings && { timings }) })
  }
}

/** What others wrote is shown as they wrote it. */
const FOREIGN = new Set(['line', 'command', 'stack'])

/** A key that is made of words: whoever reads our JSON looks for it. */
const KEY = /^[a-z]+(?:[A-Z][a-z]+|_[a-z]+)*$/

/** The value without secrets, at any depth; as JSON would have it. */
function hidden(value: unknown, redactor: Pick<Redactor, 'text'>): unknown {
  if (typeof value === 'string') return redactor.text(value)
  if (typeof value === 'number' || typeof value === 'bigint')
    return redactor.text(String(value)) === String(value) ? value : MASK
  if (typeof value !== 'object' || value === null) return value
  if ('toJSON' in value && typeof value.toJSON === 'function') return hidden(value.toJSON(), redactor)
  if (Array.isArray(value)) return value.map(one => hidden(one, redactor))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [KEY.test(name) ? name : redactor.text(name), hidden(one, redactor)]),
  )
}
