/** Variables from the password store, with `pass`. */
import { checked, fields, text } from '../../runner/taskfile/shape.ts'
import { type EnvironmentSource, type PlainOptions, plainRules } from '../../slots/environment/source.ts'
import type { Tool } from './ask.ts'
import { asked } from './source.ts'
import { variablesIn } from './variables.ts'

const PASS: Tool = {
  program: 'pass',
  install: '`apt-get install pass`, or https://www.passwordstore.org',
  login: 'The store is encrypted for another key, or the key is locked: unlock it with `gpg`, or import it.',
  locked: /decryption failed|no secret key|gpg-agent|pinentry|inappropriate ioctl/i,
  absent: /is not in the password store|password store is empty/i,
}

/**
 * An entry of the password store whose text is an environment file, or a JSON object.
 *
 * @example env: [pass('life/production')]
 */
export function pass(entry: string, options: PlainOptions = {}): EnvironmentSource {
  checked('pass()', text, entry)
  const { plain } = checked('pass()', fields<PlainOptions>(plainRules), options)
  return asked({ name: 'pass', tool: PASS, title: `pass ${entry}`, plain, args: ['show', entry], parse: variablesIn })
}
