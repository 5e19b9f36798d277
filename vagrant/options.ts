/** The command line of the rehearsal. Pure. */
import { parseArgs } from 'node:util'
import { EXAMPLES, type Example, FLEET_EXAMPLE, SWARM_EXAMPLE } from '../dev/examples.ts'

const NAMES = EXAMPLES.map(({ name }) => name)

export const USAGE = `npm run rehearse -- [--vagrant | --swarm | --fleet <hosts>] [--keep] [--example ${NAMES.join('|')}]`

export interface Options {
  readonly keep: boolean
  readonly vagrant: boolean
  /** On a swarm of three engines, with an example of its own. */
  readonly swarm: boolean
  /** On this many hosts, with an example of its own; undefined for one. */
  readonly fleet: number | undefined
  readonly example: Example
}

/** @throws Error for an unknown flag or example, and for flags that exclude each other */
export function readOptions(args: readonly string[]): Options {
  const { keep, vagrant, swarm, fleet, example } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      vagrant: { type: 'boolean', default: false },
      swarm: { type: 'boolean', default: false },
      fleet: { type: 'string' },
      example: { type: 'string' },
    },
  }).values
  const own = swarm ? '--swarm' : fleet === undefined ? undefined : '--fleet'
  if (own && (vagrant || example !== undefined || (swarm && fleet !== undefined)))
    throw new Error(`${own} has an example and machines of its own: leave the other flags out.`)
  if (fleet !== undefined && !/^[2-8]$/.test(fleet)) throw new Error('--fleet needs a number of hosts from 2 to 8.')
  if (swarm) return { keep, vagrant, swarm, fleet: undefined, example: SWARM_EXAMPLE }
  if (fleet !== undefined) return { keep, vagrant, swarm, fleet: Number(fleet), example: FLEET_EXAMPLE }
  const found = EXAMPLES.find(({ name }) => name === (example ?? 'life'))
  if (!found) throw new Error(`There is no example '${example}'.`)
  return { keep, vagrant, swarm, fleet: undefined, example: found }
}
