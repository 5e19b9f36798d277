/** The dependencies of the functions in slots/. Each function picks those that it uses: `Pick<Deps, 'host' | 'layout'>`. */
import type { Host } from '../host/host.ts'
import type { Fleet } from '../runner/task.ts'
import type { HostFacts, Provision, Router, Runtime, Slot } from './contracts.ts'
import type { Layout } from './layout.ts'
import type { Deploy, Health } from './model.ts'
import type { Balancer } from './place.ts'
import type { Slots } from './slot.ts'

export interface Deps<S extends string = string> {
  readonly app: string
  /** All hosts of this run. */
  readonly fleet: Fleet
  /** The application's host. Queries of the router run on the balancer, if there is one. */
  readonly host: Host
  /** The host of the router, if that is another one. */
  readonly balancer?: Balancer | undefined
  readonly layout: Layout
  readonly slots: Slots<S>
  readonly router: Router
  readonly runtime: Runtime
  readonly health: Health
  /** This run of the program, as recorded on the host. */
  readonly deploy: Deploy
  /** In a dry run nothing is stopped, started or switched, so later steps must not expect it. */
  readonly dryRun: boolean
  /** The text of a slot's environment file: the variables of the project, the runtime and the slot. Later ones override earlier ones. */
  environment(slot: Slot): string
  /** What the plugins need on the application's host. */
  provisions(facts: HostFacts): readonly Provision[]
  log(line: string): void
}
