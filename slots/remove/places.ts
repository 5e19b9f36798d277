/** The removal from each machine of a project. */
import { type AnyQuery, capture } from '../../host/query.ts'
import type { Provision } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { Place } from '../place.ts'
import { deployingUser, ownerOf } from '../setup/account.ts'
import { accountFacts, type Facts } from '../setup/facts.ts'
import { hasLock } from '../setup/owner.ts'
import { planRemoval, type RemovalPlan } from './plan.ts'

/** A machine, and whose account has the application's folder. */
export interface Surveyed {
  readonly place: Place
  readonly me: Omit<Facts, 'missing'>
  /** The owner of the application's folder, or who would own it. */
  readonly owner: string
  /** Whether the folder exists. */
  readonly exists: boolean
  readonly lockable: boolean
}

export async function survey(place: Place): Promise<Surveyed> {
  const { host, layout } = place
  const ofTaskfile = await place.taskfileUser()
  const [me, found, lockable] = await host.all([accountFacts, capture(ownerOf(layout)), hasLock(layout)])
  if (found) deployingUser(host.name, layout, { ...me, missing: [] }, { user: ofTaskfile, owner: found })
  return { place, me, owner: found || (ofTaskfile ?? me.user), exists: found !== '', lockable }
}

const NOTHING: Provision = { tools: {}, files: [], folders: [], sudo: [], apply: [] }

export function planPlace(
  { app, runtime, router }: Pick<Deps, 'app' | 'runtime' | 'router'>,
  { place: { has, layout }, me, owner }: Surveyed,
  shared: boolean,
): AnyQuery<RemovalPlan> {
  const facts = { user: owner, group: me.group }
  return planRemoval({
    app,
    layout,
    runtime: has === 'router' ? NOTHING : runtime.provision(facts),
    router: has === 'slots' ? NOTHING : router.provision(facts),
    root: me.root,
    shared,
  })
}
