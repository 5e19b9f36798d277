/** What `remove` deletes: every object of the engine with the label of the application. */
import { program } from '../host/program.ts'
import { type Script, sh } from '../host/script.ts'
import type { Cluster } from './cluster.ts'
import { engineApi } from './engine.ts'
import { APP_LABEL, namesOf } from './names.ts'

export interface Removal {
  readonly app: string
  /** null if no slot is live. */
  readonly live: string | null
  readonly services: readonly string[]
  readonly configs: readonly string[]
  readonly networks: readonly string[]
  /** What stays on each node, because only its own engine can delete it. */
  readonly kept: readonly string[]
}

/** The services go first: they use the rest. */
export function removalOf(app: string, cluster: Cluster): Removal {
  const names = namesOf(app)
  const services = [
    ...[...cluster.slots.keys()].map(slot => names.slot(slot)),
    ...(cluster.migration ? [names.migration] : []),
    ...(cluster.router ? [names.router] : []),
  ]
  return {
    app,
    live: cluster.records?.live?.slot ?? null,
    services,
    configs: [...cluster.configs].sort(),
    networks: cluster.networks.map(({ name }) => name).sort(),
    kept: cluster.router ? [`the volume ${names.volume}`, 'images'] : [],
  }
}

export const isGone = ({ services, configs, networks }: Removal): boolean =>
  services.length + configs.length + networks.length === 0

export function removalText(removal: Removal): string {
  const rows = [
    ...removal.services.map(name => `service ${name}`),
    ...removal.configs.map(name => `config ${name}`),
    ...removal.networks.map(name => `network ${name}`),
  ]
  const kept = removal.kept.length > 0 ? [`Stays on each node: ${removal.kept.join(' and ')}.`] : []
  return [...rows.map(row => `  ${row}`), ...kept].join('\n')
}

/** Deletes what is left of an application in the engine. The lock is one of its configs, so nothing of it is written afterwards. */
export const removeObjects = (app: string, { services, configs, networks }: Removal, within: number): Script => ({
  ...sh.lines(
    engineApi,
    program(new URL('./remove-objects.sh', import.meta.url), {
      writes: true,
      parameters: { label: `${APP_LABEL}=${app}`, services, configs, networks, within },
    }),
  ),
  label: `docker service rm, config rm and network rm of ${app}`,
})
