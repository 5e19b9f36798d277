/** Variables from encrypted files in the repository: with sops, and with age. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { checked, fields, optional, text } from '../../runner/taskfile/shape.ts'
import { type EnvironmentSource, type PlainOptions, plainRules } from '../../slots/environment/source.ts'
import type { Tool } from './ask.ts'
import { asked } from './source.ts'
import { jsonOf, variablesIn, variablesOf } from './variables.ts'

const SOPS: Tool = {
  program: 'sops',
  install: 'https://getsops.io',
  login: 'Sops needs a key for one of the recipients of the file, such as SOPS_AGE_KEY_FILE or a login to the cloud.',
  locked:
    /failed to get the data key|could not retrieve (?:the )?(?:data )?key|no identity matched|0 successful groups/i,
  absent: /no such file|cannot operate on non-existent file/i,
}

const AGE: Tool = {
  program: 'age',
  install: '`apt-get install age`, or https://age-encryption.org',
  login: 'Give the file of an identity that can decrypt it: `age(path, { identity })`, or SOPS_AGE_KEY_FILE.',
  locked:
    /no identity matched|failed to (?:open|read)[^\n]*identit|identity file|unknown identity type|reading "[^"]*keys/i,
  absent: /no such file/i,
}

/**
 * A file that sops encrypts, as YAML, JSON or an environment file, with one variable for each key.
 *
 * @param path relative to the Taskfile
 * @example env: [sops('secrets.enc.yaml')]
 */
export function sops(path: string, options: PlainOptions = {}): EnvironmentSource {
  checked('sops()', text, path)
  const { plain } = checked('sops()', fields<PlainOptions>(plainRules), options)
  return asked({
    name: 'sops',
    tool: SOPS,
    title: `sops ${path}`,
    plain,
    args: ['--decrypt', '--output-type', 'json', path],
    parse: (origin, output) =>
      variablesOf(origin, jsonOf(origin, output), 'texts, numbers and booleans without nesting'),
  })
}

export interface AgeOptions extends PlainOptions {
  /**
   * The file of an identity that can decrypt it, relative to the Taskfile; an SSH key works too.
   *
   * @default the one that SOPS_AGE_KEY_FILE names, else `~/.config/sops/age/keys.txt`, as for sops
   */
  readonly identity?: string
}

/**
 * An environment file, or a JSON object, that was encrypted with age.
 *
 * @param path relative to the Taskfile
 * @example env: [age('secrets.age', { identity: '.keys/age.txt' })]
 */
export function age(path: string, options: AgeOptions = {}): EnvironmentSource {
  checked('age()', text, path)
  const { identity, plain } = checked('age()', fields<AgeOptions>({ identity: optional(text), ...plainRules }), options)
  return asked({
    name: 'age',
    tool: AGE,
    title: `age ${path}`,
    plain,
    args({ folder, env }) {
      const home = join(env.XDG_CONFIG_HOME || join(env.HOME ?? homedir(), '.config'), 'sops/age/keys.txt')
      const key = identity === undefined ? env.SOPS_AGE_KEY_FILE || home : resolve(folder, identity)
      return ['--decrypt', '--identity', key, resolve(folder, path)]
    },
    parse: variablesIn,
  })
}
