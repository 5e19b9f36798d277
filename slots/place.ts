/**
 * The machines of a project. Usually one has everything. With a balancer, a router on a host of its own, the application's host has the slots, the records,
 * the journal and the lock; the balancer has the route, and a lock of its own.
 */
import type { Host } from '../host/host.ts'
import { capture, type Query } from '../host/query.ts'
import { type Script, sh } from '../host/script.ts'
import type { HostFacts, Provision, Router } from './contracts.ts'
import type { Layout } from './layout.ts'

/** A machine, and what the project needs there. */
export interface Place {
  readonly host: Host
  readonly layout: Layout
  readonly has: 'everything' | 'slots' | 'router'
  /** What the plugins need there. */
  provisions(facts: HostFacts): readonly Provision[]
  /** The account that the Taskfile logs in as, if `--login` replaces it in this run; else undefined. */
  taskfileUser(): Promise<string | undefined>
}

/** A machine that has the router alone. */
export interface Balancer extends Place {
  readonly has: 'router'
  /** The address of the application's host, which the slots listen on. */
  readonly upstream: string
}

/** The name of the balancer in `Script.machine`. */
export const BALANCER = 'balancer'

/** The layout of a host without slots: the folder that shows whether it is set up is the router's, and no application runs there. */
export const routerLayout = (layout: Layout): Layout => ({ ...layout, releases: layout.router, user: undefined })

/** Makes a script run on the machine of the router. */
export const besideRouter = ({ machine }: Pick<Router, 'machine'>, script: Script): Script =>
  machine === undefined ? script : { ...script, machine }

/** The same router on another machine: each of its queries runs there. */
export function onMachine(router: Router, machine: string): Router {
  const at = <T>(query: Query<T>): Query<T> => ({ ...query, script: { ...query.script, machine } })
  const { curl, conflicts, maintenance, beginMaintenance, endMaintenance, outside } = router
  const { canary, beginCanary, endCanary, served, reloaded } = router
  return {
    ...router,
    machine,
    live: () => at(router.live()),
    answer: () => at(router.answer()),
    fetch: path => at(router.fetch(path)),
    check: path => at(router.check(path)),
    promote: (slot, generation) => at(router.promote(slot, generation)),
    restore: route => at(router.restore(route)),
    verify: (route, limits) => at(router.verify(route, limits)),
    provision: facts => router.provision(facts),
    ...(curl && { curl: path => curl.call(router, path) }),
    ...(conflicts && { conflicts: () => at(conflicts.call(router)) }),
    ...(maintenance && { maintenance: () => at(maintenance.call(router)) }),
    ...(beginMaintenance && { beginMaintenance: wanted => at(beginMaintenance.call(router, wanted)) }),
    ...(endMaintenance && { endMaintenance: () => at(endMaintenance.call(router)) }),
    ...(outside && { outside: path => at(outside.call(router, path)) }),
    ...(canary && { canary: () => at(canary.call(router)) }),
    ...(beginCanary && { beginCanary: (wanted, route) => at(beginCanary.call(router, wanted, route)) }),
    ...(endCanary && { endCanary: () => at(endCanary.call(router)) }),
    ...(served && { served: () => at(served.call(router)) }),
    ...(reloaded && { reloaded: () => at(reloaded.call(router)) }),
  }
}

/** A query that does nothing, and has this result. */
export const settled = <T>(result: T): Query<T> => capture(sh.read`:`, () => result)

/**
 * The router of a balancer, for each host of a pool but the first: the route is read as by the first, which alone checks, moves and proves it. The hosts wait
 * for each other before and after that.
 */
export function following(router: Router): Router {
  // A canary is begun and ended by the first host.
  const { curl: _, canary: _canary, beginCanary: _begin, endCanary: _end, served: _served, ...rest } = router
  return {
    ...rest,
    check: () => settled([]),
    promote: () => settled(undefined),
    restore: () => settled(undefined),
    verify(route, { answers }) {
      const last = { ...route, status: 200, problem: undefined }
      return settled({ verified: true, asked: answers, last, firstAfter: undefined })
    },
  }
}

/** Resolves to a text that no other machine or container has. */
export const identity: Query<string> = capture(sh.read`cat /proc/sys/kernel/random/boot_id; readlink /proc/self/ns/net`)
