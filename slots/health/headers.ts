/** The request headers of a health check. */
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'

type Headers = Readonly<Record<string, string>>

/** Header names and values as in RFC 9110, section 5; strict enough that one header cannot become two. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[^\r\n\0]*$/

/** Merges headers; those of the Taskfile override ours, regardless of case. Throws `HEALTH_HEADER_INVALID`. */
export function headersOf(ours: Headers, taskfile: Headers = {}): Headers {
  for (const [name, value] of Object.entries(taskfile)) {
    const why = !NAME.test(name) ? 'its name is invalid' : !VALUE.test(value) ? 'its value contains a line break' : ''
    if (why) throw slotFaults.HEALTH_HEADER_INVALID({ name, why })
  }
  const names = new Set(Object.keys(taskfile).map(name => name.toLowerCase()))
  return { ...Object.fromEntries(Object.entries(ours).filter(([name]) => !names.has(name.toLowerCase()))), ...taskfile }
}

const SECRET = /auth|token|key|secret|password|cookie|signature/i

/** Values to redact: those of headers whose names suggest a secret, without a leading scheme such as `Basic`. */
export const secretsIn = (headers: Headers): readonly string[] =>
  Object.entries(headers)
    .filter(([name]) => SECRET.test(name))
    .map(([, value]) => value.replace(/^\w+ +/, ''))

/** The headers as they may be shown, with `(hidden)` in place of a secret value. */
export const headersShown = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, SECRET.test(name) ? HIDDEN : value]))

/** Stands for a value that is not shown. */
export const HIDDEN = '(hidden)'

/**
 * Prints headers as configuration to pipe into `curl --config -`. They are passed on stdin because every user of the host can read the arguments of a
 * process; `printf` is a shell builtin, so it has none.
 */
export const headerInput = (headers: Headers): Script =>
  sh.read`printf 'header = %s\\n' ${Object.entries(headers).map(([name, value]) => quoted(`${name}: ${value}`))}`

const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
