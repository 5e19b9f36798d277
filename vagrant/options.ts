/** The command line of the rehearsal. Pure. */
import { parseArgs } from 'node:util'
import { EXAMPLES, type Example } from '../dev/examples.ts'

const NAMES = EXAMPLES.map(({ name }) => name)

export const USAGE = `npm run rehearse -- [--vagrant] [--keep] [--example ${NAMES.join('|')}]`

export interface Options {
  readonly keep: boolean
  readonly vagrant: boolean
  readonly example: Example
}

/** @throws Error for an unknown flag or example */
export function readOptions(args: readonly string[]): Options {
  const { keep, vagrant, example } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      vagrant: { type: 'boolean', default: false },
      example: { type: 'string', default: 'life' },
    },
  }).values
  const found = EXAMPLES.find(({ name }) => name === example)
  if (!found) throw new Error(`There is no example '${example}'.`)
  return { keep, vagrant, example: found }
}
