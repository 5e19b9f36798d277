/** The machines of a run, the hosts and the balancer before them: a connection to each, their locks, and who of them gets requests. */
import type { Host, Transport } from '../host/host.ts'
import { slotFaults } from '../slots/faults.ts'
import { WEB_ROLE } from '../slots/fleet/role-route.ts'
import type { Deploy } from '../slots/model.ts'
import { routerLayout } from '../slots/place.ts'
import { type Slots, slotsAt } from '../slots/slot.ts'
import { runLock } from './run-lock.ts'
import type { Project, SessionSetting } from './run-setting.ts'
import { beginsWithHook } from './steps/hook.ts'

export interface Machine {
  readonly name: string
  readonly host: Host
  /** The user of the Taskfile, if the run logs in as another one. */
  taskfileUser(): Promise<string | undefined>
}

export interface Machines<S extends string> {
  readonly hosts: readonly [Machine, ...Machine[]]
  readonly balancer: Machine | undefined
  /** The hosts and the balancer, in this order. */
  readonly all: readonly Machine[]
  readonly lock: ReturnType<typeof runLock>
  /** Whether requests go to a host. */
  serves(host: string): boolean
  /** The slots of a host: behind a balancer they listen on its own address. */
  slotsOn(host: string): Slots<S>
}

export async function openMachines<S extends string>(
  project: Project<S>,
  run: SessionSetting,
  deploy: Deploy,
): Promise<Machines<S>> {
  const { hosts, layout, machines: names, roles, router, slots } = project
  const serves = (name: string) => (roles.get(name) ?? WEB_ROLE) === WEB_ROLE
  const web = hosts.filter(({ name }) => serves(name))
  const pooled = names.filter(serves)
  const on = web.length > 0 ? router.on : undefined
  if (on && run.event && web.length < pooled.length)
    throw slotFaults.POOL_PARTIAL({ hosts: web.map(({ name }) => name), of: pooled.length })

  const machines = [
    ...hosts.map(transport => ({ name: transport.name, layout, transport })),
    ...(on ? [{ name: on.host.name, layout: routerLayout(layout), transport: on.host }] : []),
  ]
  const lock = runLock(machines, deploy, run)
  const all = await Promise.all(machines.map(({ transport }, i) => open(transport, i)))
  const [first, ...others] = all.slice(0, hosts.length)
  if (!first) throw new TypeError('a project has a host')
  // A hook may still refuse the run before anything is contacted.
  if (run.uploads && !beginsWithHook(run.tasks)) for (const { host } of all) host.connect?.()

  async function open(ofTaskfile: Transport, i: number): Promise<Machine> {
    const transport = run.login === undefined ? ofTaskfile : ofTaskfile.as?.(run.login)
    if (!transport) throw slotFaults.LOGIN_IMPOSSIBLE({ host: ofTaskfile.name })
    const guard = lock.guards[i]
    const setting = { ...run, ...(guard && { guard }) }
    return {
      name: ofTaskfile.name,
      host: await transport.open(setting),
      taskfileUser: async () => (transport === ofTaskfile ? undefined : (await ofTaskfile.open(setting)).account()),
    }
  }

  return {
    hosts: [first, ...others],
    balancer: all[hosts.length],
    all,
    lock,
    serves,
    slotsOn(name) {
      const { pool } = router.on ?? {}
      const address = pool?.[pooled.indexOf(name)]
      return pool && address !== undefined && serves(name) ? slotsAt(slots, address, pool) : slots
    },
  }
}
