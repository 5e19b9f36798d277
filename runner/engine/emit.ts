/** Passes the events of a run to its renderer, through the redactor. */
import type { Renderer, RunEvent } from '../events.ts'
import { MASK, type Redactor } from '../secrets/redact.ts'

/** Fields whose values are always our own, and so cannot contain a secret. */
const OWN_FIELDS = new Set([
  'type',
  'step',
  'command',
  'code',
  'during',
  'state',
  'signal',
  'to',
  'ms',
  'exitCode',
  'traffic',
])

/** @param names replaces the commands in a message by their names in the Taskfile */
export function redactingEmitter(
  renderer: Renderer,
  redactor: Redactor,
  names: (text: string) => string = text => text,
): (event: RunEvent) => void {
  const named = { text: (text: string) => names(redactor.text(text)) }
  return event => {
    // In an error, `command` is a shell command, not the name of a task.
    const plain = (name: string) => OWN_FIELDS.has(name) && !(event.type === 'error' && name === 'command')
    // What a step prints comes from other programs.
    const foreign = (name: string) => FOREIGN.has(name) || event.type === 'print'
    const entries = Object.entries(event).map(([name, value]) => [
      name,
      plain(name) ? value : hidden(value, foreign(name) ? redactor : named),
    ])
    const timings =
      event.type === 'result' && event.timings?.map(timing => ({ ...timing, title: redactor.text(timing.title) }))
    renderer.handle({ ...Object.fromEntries(entries), ...(timings && { timings }) })
  }
}

/** Fields with text of other programs, in which `names` replaces nothing. */
const FOREIGN = new Set(['line', 'command', 'stack'])

/** An identifier as a key of JSON is kept, because consumers look for it. */
const KEY = /^[a-z]+(?:[A-Z][a-z]+|_[a-z]+)*$/

/** Plain data without secrets, at any depth. */
export const withoutSecrets = <T>(data: T, redactor: Pick<Redactor, 'text'>): T => hidden(data, redactor) as T

/** The value without secrets, at any depth, as JSON represents it. */
function hidden(value: unknown, redactor: Pick<Redactor, 'text'>): unknown {
  if (typeof value === 'string') return redactor.text(value)
  if (typeof value === 'number' || typeof value === 'bigint')
    return redactor.text(String(value)) === String(value) ? value : MASK
  if (typeof value !== 'object' || value === null) return value
  if ('toJSON' in value && typeof value.toJSON === 'function') return hidden(value.toJSON(), redactor)
  if (Array.isArray(value)) return value.map(item => hidden(item, redactor))
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [KEY.test(name) ? name : redactor.text(name), hidden(item, redactor)]),
  )
}
