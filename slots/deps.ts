/** The dependencies of the functions in slots/. Each function picks those that it uses: `Pick<Deps, 'host' | 'layout'>`. */
import type { Host } from '../host/host.ts'
import type { HostFacts, Provision, Router, Runtime, Slot } from './contracts.ts'
import type { Layout } from './layout.ts'
import type { Deploy, Health } from './model.ts'
import type { Slots } from './slot.ts'

export interface Deps<S extends string = string> {
  readonly app: string
  readonly host: Host
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
  /** What the plugins need on the host. */
  provisions(facts: HostFacts): readonly Provision[]
  log(line: string): void
}
