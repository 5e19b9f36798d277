/** Variables from HashiCorp Vault, with the program `vault`. */
import { checked, fields, optional, text } from '../../runner/taskfile/shape.ts'
import { type EnvironmentSource, type PlainOptions, plainRules } from '../../slots/environment/source.ts'
import type { Tool } from './ask.ts'
import { asked } from './source.ts'
import { at, jsonOf, variablesOf } from './variables.ts'

export interface VaultOptions extends PlainOptions {
  /** The path of a secret of the key-value engine, such as `life/production`. Each of its keys is a variable. */
  readonly path: string
  /** @default 'secret' */
  readonly mount?: string
  /** @default that of VAULT_NAMESPACE */
  readonly namespace?: string
}

const OPTIONS = fields<VaultOptions>({ path: text, mount: optional(text), namespace: optional(text), ...plainRules })

const VAULT: Tool = {
  program: 'vault',
  install: 'https://developer.hashicorp.com/vault/install',
  login: 'Run `vault login`, or set VAULT_ADDR and VAULT_TOKEN.',
  locked: /permission denied|missing client token|invalid token|vault is sealed|code: 403/i,
  absent: /no value found at|code: 404/i,
}

/**
 * A secret of Vault's key-value engine, version 1 or 2.
 *
 * @example env: [vault({ path: 'life/production' })]
 */
export function vault(options: VaultOptions): EnvironmentSource {
  const { path, mount = 'secret', namespace, plain } = checked('vault()', OPTIONS, options)
  return asked({
    name: 'vault',
    tool: VAULT,
    title: `Vault secret ${mount}/${path}`,
    plain,
    args: [
      'kv',
      'get',
      '-format=json',
      `-mount=${mount}`,
      ...(namespace === undefined ? [] : [`-namespace=${namespace}`]),
      path,
    ],
    parse(origin, output) {
      const data = at(jsonOf(origin, output), 'data')
      // Version 2 of the engine puts the keys beside their metadata.
      const keys = at(data, 'metadata') === undefined ? data : at(data, 'data')
      return variablesOf(origin, keys, 'keys of the secret, each with the name of a variable')
    },
  })
}
