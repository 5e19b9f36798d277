/** The command line of the rehearsal. Pure. */
import { parseArgs } from 'node:util'
import { EXAMPLES, type Example, SWARM_EXAMPLE } from '../dev/examples.ts'

const NAMES = EXAMPLES.map(({ name }) => name)

export const USAGE = `npm run rehearse -- [--vagrant | --swarm] [--keep] [--example ${NAMES.join('|')}]`

export interface Options {
  readonly keep: boolean
  readonly vagrant: boolean
  /** On a swarm of three engines, with an example of its own. */
  readonly swarm: boolean
  readonly example: Example
}

/** @throws Error for an unknown flag or example, and for flags that exclude each other */
export function readOptions(args: readonly string[]): Options {
  const { keep, vagrant, swarm, example } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      vagrant: { type: 'boolean', default: false },
      swarm: { type: 'boolean', default: false },
      example: { type: 'string' },
    },
  }).values
  if (swarm && (vagrant || example !== undefined))
    throw new Error('--swarm has an example and machines of its own: leave the other flags out.')
  if (swarm) return { keep, vagrant, swarm, example: SWARM_EXAMPLE }
  const found = EXAMPLES.find(({ name }) => name === (example ?? 'life'))
  if (!found) throw new Error(`There is no example '${example}'.`)
  return { keep, vagrant, swarm, example: found }
}
