/** Variables from a 1Password item, with the vendor's program `op`. */
import { checked, fields, optional, text } from '../../runner/taskfile/shape.ts'
import { type EnvironmentSource, type PlainOptions, plainRules } from '../../slots/environment/source.ts'
import type { Tool } from './ask.ts'
import { asked, option } from './source.ts'
import { at, jsonOf, listAt, variablesNamed } from './variables.ts'

export interface OnePasswordOptions extends PlainOptions {
  /** The name or id of the item. Each of its fields whose label is the name of a variable, such as `DATABASE_URL`, is one. */
  readonly item: string
  /** @default all vaults that the account sees */
  readonly vault?: string
  /** @default the account that `op` uses */
  readonly account?: string
}

const OPTIONS = fields<OnePasswordOptions>({
  item: text,
  vault: optional(text),
  account: optional(text),
  ...plainRules,
})

const OP: Tool = {
  program: 'op',
  install: 'https://developer.1password.com/docs/cli/get-started',
  login: 'Run `op signin`, unlock the application, or set OP_SERVICE_ACCOUNT_TOKEN in CI.',
  locked:
    /not (?:currently )?signed in|no accounts? (?:found|configured)|session expired|authorization (?:prompt )?(?:dismissed|timeout|denied)|service account token|connecting to desktop app|\(401\)/i,
  absent: /isn't an item|isn't a vault|no item found|More than one item matches/i,
}

/**
 * The fields of a 1Password item.
 *
 * @example env: [onePassword({ vault: 'production', item: 'life' })]
 */
export function onePassword(options: OnePasswordOptions): EnvironmentSource {
  const { item, vault, account, plain } = checked('onePassword()', OPTIONS, options)
  return asked({
    name: 'onePassword',
    tool: OP,
    title: `1Password item ${vault === undefined ? '' : `${vault}/`}${item}`,
    plain,
    args: ['item', 'get', item, ...option('vault', vault), ...option('account', account), '--format', 'json'],
    parse(origin, output) {
      // A login's own fields, such as its password, have a purpose and no name of ours.
      const own = listAt(jsonOf(origin, output), 'fields').filter(field => at(field, 'purpose') === undefined)
      const pairs = own.map(field => [String(at(field, 'label')), at(field, 'value')] as const)
      return variablesNamed(origin, pairs, 'fields of the item, each labelled with the name of a variable')
    },
  })
}
