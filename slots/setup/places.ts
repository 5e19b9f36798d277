/** The setup of each machine of a project: who deploys there, and what would change. */
import { capture } from '../../host/query.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Router, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { identity, type Place } from '../place.ts'
import { accountFor, deployingUser, ownerOf } from './account.ts'
import { assertFree, type Claims } from './claims.ts'
import { type Facts, facts } from './facts.ts'
import { mayLock } from './owner.ts'
import { plan, type SetupPlan } from './plan.ts'

/** A machine, and the account that deploys there. */
export interface Surveyed {
  readonly place: Place
  /** The account that we are logged in as. */
  readonly me: Facts
  readonly deploying: string
  readonly ofTaskfile: string | undefined
  /** Before the first setup there is no folder for the lock. */
  readonly lockable: boolean
}

export interface PlannedPlace {
  readonly place: Place
  readonly planned: SetupPlan
  /** With the deploying account as `user`. */
  readonly facts: Facts
  /** The deploying account, if we are logged in as another. */
  readonly account: { readonly user: string } | undefined
  readonly provisions: ReturnType<Place['provisions']>
}

interface Request {
  /** The account that was named on the command line. */
  readonly user: string | undefined
  readonly adopting: boolean
}

export async function survey(place: Place, { user, adopting }: Request): Promise<Surveyed> {
  const { host, layout, provisions, has } = place
  const ofTaskfile = await place.taskfileUser()
  const [me, owner] = await host.all([
    facts(provisions, has === 'everything' ? undefined : host.name),
    capture(ownerOf(layout)),
  ])
  const deploying = deployingUser(host.name, layout, me, {
    user: user ?? (ofTaskfile === 'root' ? undefined : ofTaskfile),
    owner: owner || undefined,
  })
  if (adopting && has !== 'router' && deploying !== me.user)
    throw slotFaults.SETUP_ADOPT_OTHER({ user: deploying, login: me.user })
  return { place, me, deploying, ofTaskfile, lockable: await host.query(mayLock(layout)) }
}

/** @throws why the plan must not be carried out */
export async function planPlace(
  { app, slots, router }: Pick<Deps, 'app' | 'slots' | 'router'>,
  { place, me, deploying }: Surveyed,
): Promise<PlannedPlace> {
  const { host, layout, has } = place
  const account = deploying === me.user ? undefined : await host.query(accountFor(deploying, me))
  const found = { ...me, ...account, user: deploying }
  const provisions = place.provisions(found)
  // The slots' ports are ports of the application's host.
  const claims =
    has === 'router'
      ? { app, layout, slots: [], provisions, behind: behindOf(router, slots.all) }
      : { app, layout, slots: slots.all, provisions }
  const [, planned, conflicts] = await host.all([
    assertFree(claims, found.root),
    plan({ host: host.name, app, layout, slots, provisions, facts: found, account, has }),
    has === 'slots' ? undefined : router.conflicts?.(),
  ])
  const [conflict]: readonly Fault[] = conflicts ?? []
  const [refused = conflict] = planned.refused
  if (refused) throw refused
  return { place, planned, facts: found, account, provisions }
}

const behindOf = ({ site }: Pick<Router, 'site'>, slots: readonly Slot[]): Claims['behind'] =>
  site && {
    site: site.host.replace(/:\d+$/, ''),
    addresses: slots.flatMap(({ address, pool }) => pool ?? (address === undefined ? [] : [address])),
  }

/** @throws BALANCER_IS_SAME if the Taskfile names one machine twice */
export async function assertApart({ host }: Place, { host: other }: Place): Promise<void> {
  const [own, found] = await Promise.all([host.query(identity), other.query(identity)])
  if (own === found) throw slotFaults.BALANCER_IS_SAME({ host: host.name, balancer: other.name })
}
