/** Variables from Bitwarden: from an item with the vendor's program `bw`, or from a project of its Secrets Manager with `bws`. */
import { checked, either, fields, text } from '../../runner/taskfile/shape.ts'
import { type EnvironmentSource, type PlainOptions, plainRules } from '../../slots/environment/source.ts'
import type { Tool } from './ask.ts'
import { asked } from './source.ts'
import { at, jsonOf, listAt, variablesNamed } from './variables.ts'

export interface BitwardenItem extends PlainOptions {
  /** The name or id of an item of the password manager. Each of its custom fields with the name of a variable is one. */
  readonly item: string
}

export interface BitwardenProject extends PlainOptions {
  /** The id of a project of the Secrets Manager. Each of its secrets whose key is the name of a variable is one. */
  readonly project: string
}

export type BitwardenOptions = BitwardenItem | BitwardenProject

const OPTIONS = either(
  fields<BitwardenProject>({ project: text, ...plainRules }),
  fields<BitwardenItem>({ item: text, ...plainRules }),
)

const BW: Tool = {
  program: 'bw',
  install: 'https://bitwarden.com/help/cli',
  login: 'Run `bw login`, then `export BW_SESSION="$(bw unlock --raw)"`.',
  locked: /not logged in|vault is locked|session key is invalid/i,
  absent: /^not found|more than one result/im,
}

const BWS: Tool = {
  program: 'bws',
  install: 'https://bitwarden.com/help/secrets-manager-cli',
  login: 'Set BWS_ACCESS_TOKEN to the access token of a machine account.',
  locked: /missing access token|access token is (?:not valid|invalid)|unauthorized|\b401\b/i,
  absent: /not found|\b404\b|invalid uuid|UUID parsing failed/i,
}

/**
 * The custom fields of a Bitwarden item, or the secrets of a project.
 *
 * @example env: [bitwarden({ item: 'life production' })]
 */
export function bitwarden(options: BitwardenOptions): EnvironmentSource {
  checked('bitwarden()', OPTIONS, options)
  const { plain } = options
  if ('project' in options)
    return asked({
      name: 'bitwarden',
      tool: BWS,
      title: `Bitwarden project ${options.project}`,
      plain,
      args: ['secret', 'list', options.project, '--output', 'json'],
      parse(origin, output) {
        const pairs = listAt(jsonOf(origin, output)).map(
          secret => [String(at(secret, 'key')), at(secret, 'value')] as const,
        )
        return variablesNamed(origin, pairs, 'secrets of the project, each with the name of a variable as its key')
      },
    })
  return asked({
    name: 'bitwarden',
    tool: BW,
    title: `Bitwarden item ${options.item}`,
    plain,
    args: ['get', 'item', options.item, '--nointeraction'],
    parse(origin, output) {
      const pairs = listAt(jsonOf(origin, output), 'fields').map(
        field => [String(at(field, 'name')), at(field, 'value')] as const,
      )
      return variablesNamed(origin, pairs, 'custom fields of the item, each with the name of a variable')
    },
  })
}
