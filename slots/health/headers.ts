/** The headers with which an application is asked for its health. Pure. */
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'

type Headers = Readonly<Record<string, string>>

/** The names and values of RFC 9110, section 5, in so far as they keep one header from becoming two. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[^\r\n\0]*$/

/** Those of the Taskfile win; the case of a name does not matter. Throws `HEALTH_HEADER_INVALID`. */
export function headersOf(ours: Headers, theirs: Headers = {}): Headers {
  for (const [name, value] of Object.entries(theirs)) {
    const why = !NAME.test(name) ? 'that is no name of a header' : !VALUE.test(value) ? 'its value has a line end' : ''
    if (why) throw slotFaults.HEALTH_HEADER_INVALID({ name, why })
  }
  const named = new Set(Object.keys(theirs).map(name => name.toLowerCase()))
  return { ...Object.fromEntries(Object.entries(ours).filter(([name]) => !named.has(name.toLowerCase()))), ...theirs }
}

const SECRET = /auth|token|key|secret|password|cookie|signature/i

/** What no output may show: the values of headers whose names speak of a secret, without the word that says what kind it is. */
export const secretsIn = (headers: Headers): readonly string[] =>
  Object.entries(headers)
    .filter(([name]) => SECRET.test(name))
    .map(([, value]) => value.replace(/^\w+ +/, ''))

/**
 * Prints headers as configuration for a `curl --config -` behind it. They travel as its input because its arguments can be read by every user of
 * the host; `printf` is the shell's own, and no process.
 */
export const headerInput = (headers: Headers): Script =>
  sh.read`printf 'header = %s\\n' ${Object.entries(headers).map(([name, value]) => quoted(`${name}: ${value}`))}`

const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
