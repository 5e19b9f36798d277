/** How the objects of an application are called in the engine, and the labels that they have. */

/** The label that each object of an application has. */
export const APP_LABEL = 'switchyard.app'
/** The labels of a slot's service. */
export const SLOT_LABELS = {
  slot: 'switchyard.slot',
  release: 'switchyard.release',
  version: 'switchyard.version',
  by: 'switchyard.by',
  deploy: 'switchyard.deploy',
  revision: 'switchyard.revision',
} as const

export interface Names {
  /** The service of a slot. */
  slot(name: string): string
  readonly router: string
  /** The service of a migration. Its name is fixed, so there is never more than one. */
  readonly migration: string
  /** The network that the slots and the routers are on. */
  readonly network: string
  /** The network that only the routers are on, and a container of ours while it moves them. */
  readonly control: string
  /** The name under which a router finds the others on that network. */
  readonly peers: string
  /** The volume with the route, one on each node. */
  readonly volume: string
  readonly lock: string
  readonly records: string
}

export const namesOf = (app: string): Names => ({
  slot: name => `${app}_${name}`,
  router: `${app}_router`,
  migration: `${app}_migration`,
  network: `${app}_net`,
  control: `${app}_control`,
  peers: `${app}_routers`,
  volume: `${app}_route`,
  lock: `${app}_lock`,
  records: `${app}_records`,
})

/** Names that a slot cannot have, because a service of ours has them. */
export const TAKEN: readonly string[] = ['router', 'migration']
