/** The secrets and networks of the Taskfile, which have to exist before a slot is replaced by one that uses them. */
import type { Query } from '../host/query.ts'
import type { AnySwarmDefinition } from './definition.ts'
import { askEngine, replies } from './engine.ts'
import { swarmFaults } from './faults.ts'

type Needing = Pick<AnySwarmDefinition, 'secrets' | 'networks'>

interface Needed {
  readonly secrets: readonly string[]
  readonly networks: readonly string[]
}

/** Of `docker service create`: a name, or `source=life_key_2,target=life_key`. */
const named = (option: string, key: RegExp): string =>
  option
    .split(',')
    .find(part => key.test(part))
    ?.replace(key, '') ?? option

/** The names that its services refer to. */
export const neededBy = ({ secrets = [], networks = [] }: Needing): Needed => ({
  secrets: secrets.map(option => named(option, /^(?:source|src)=/)),
  networks: networks.map(option => named(option, /^name=/)),
})

/** Undefined if the Taskfile has neither. Its query throws NEEDED_MISSING. */
export function assertNeeded(definition: Needing): Query<void> | undefined {
  const { secrets, networks } = neededBy(definition)
  if (secrets.length + networks.length === 0) return undefined
  const script = { ...askEngine(['/secrets', '/networks']), label: 'docker secret ls, network ls' }
  return {
    script,
    read(output, host) {
      const [known = [], nets = []] = replies(output, host, script).map(
        ({ body }) => JSON.parse(body) as readonly Found[],
      )
      const lacking = {
        secrets: secrets.filter(name => !known.some(({ ID, Spec }) => name === ID || name === Spec?.Name)),
        networks: networks.filter(name => !nets.some(({ ID, Id, Name }) => [ID, Id, Name].includes(name))),
      }
      if (lacking.secrets.length + lacking.networks.length > 0) throw swarmFaults.NEEDED_MISSING(lacking)
    },
  }
}

/** As the API tells it. */
interface Found {
  readonly ID?: string
  readonly Id?: string
  readonly Name?: string
  readonly Spec?: { readonly Name?: string }
}
