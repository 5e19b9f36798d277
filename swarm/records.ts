/**
 * The records of an application: which slot is live, which switch was begun, and what was done. They are labels of one config object, which the managers
 * agree on; its version refuses a change if somebody else has made one since it was read.
 */
import { randomUUID } from 'node:crypto'
import type { Query } from '../host/query.ts'
import type { Deploy, JournalEntry, JournalEvent } from '../slots/model.ts'
import { change, messageIn } from './engine.ts'
import { swarmFaults } from './faults.ts'
import { APP_LABEL, namesOf } from './names.ts'

/** A slot and the generation that the routers name with it. */
export interface Route {
  readonly slot: string
  readonly generation: string
}

/** A switch that was begun. It stays in the records until it is proven or taken back, so the next run finds it. */
export interface Moving {
  readonly to: Route
  /** Undefined if no slot was live. */
  readonly from?: Route
  readonly by: string
  readonly at: string
}

export interface Records {
  /** Of the object: a change names the version that it was made for. */
  readonly version: number
  /** Counts the switches. The generation of a route begins with it, so a router can tell which of two routes is newer. */
  readonly term: number
  readonly live: Route | undefined
  readonly moving: Moving | undefined
  /** The release that was live in each slot, last. A rollback goes to no other. */
  readonly promoted: Readonly<Record<string, string>>
  /** The newest entries, oldest first. */
  readonly journal: readonly JournalEntry[]
}

/** How many entries the journal keeps: all records are one object of the managers. */
const ENTRIES = 100

export const EMPTY: Omit<Records, 'version'> = {
  term: 0,
  live: undefined,
  moving: undefined,
  promoted: {},
  journal: [],
}

export const parseRecords = (version: number, labels: Readonly<Record<string, string>>): Records => ({
  version,
  term: Number(labels.term ?? 0),
  live: parsed(labels.live),
  moving: parsed(labels.moving),
  promoted: parsed(labels.promoted) ?? {},
  journal: parsed(labels.journal) ?? [],
})

const parsed = <T>(text: string | undefined): T | undefined => (text ? (JSON.parse(text) as T) : undefined)

/** The object as the API takes it. */
export const recordsObject = (
  app: string,
  { term, live, moving, promoted, journal }: Omit<Records, 'version'>,
  mark?: string,
) => ({
  Name: namesOf(app).records,
  // The data of a config cannot be changed, its labels can.
  Data: NO_DATA,
  Labels: {
    [APP_LABEL]: app,
    term: String(term),
    ...(live && { live: JSON.stringify(live) }),
    ...(moving && { moving: JSON.stringify(moving) }),
    promoted: JSON.stringify(promoted),
    journal: JSON.stringify(journal.slice(-ENTRIES)),
    ...(mark !== undefined && { mark }),
  },
})

/** `{}`: an object without data is refused. */
export const NO_DATA = 'e30='

/**
 * Resolves to the records as they are now.
 *
 * @throws RECORDS_CHANGED if they are no longer those that were read
 */
export function writeRecords(app: string, records: Records): Query<Records> {
  const path = `/configs/${namesOf(app).records}`
  // If the leader dies after it has made the change, a second attempt is refused for its own version.
  const mark = randomUUID()
  return change(
    `${path}/update?version=${records.version}`,
    recordsObject(app, records, mark),
    ({ status, body }) => {
      if (status >= 400) throw swarmFaults.RECORDS_CHANGED({ app, why: messageIn(body) })
      return records
    },
    { path, mark },
  )
}

/** The records with another entry in the journal. */
export function journaled(records: Records, deploy: Deploy, event: JournalEvent, now = new Date()): Records {
  const { by, where, id, began, command } = deploy
  const run = { by, where, deploy: id, ...(command !== undefined && { command }) }
  const entry: JournalEntry = { at: now.toISOString(), ...run, ...event, ms: now.getTime() - began }
  return { ...records, journal: [...records.journal, entry] }
}

/** The route of a switch that comes next. */
export const nextRoute = ({ term }: Pick<Records, 'term'>, slot: string, deploy: string): Route => ({
  slot,
  generation: `${term + 1}-${deploy}`,
})

/** As the routers have it. */
export const routeText = (route: Route | undefined): string => (route ? `${route.slot}.${route.generation}` : 'none.0')

/** The term of a route as the routers have it. */
export const termOf = (text: string): number => Number(/\.(\d+)/.exec(text)?.[1] ?? 0)

export function parseRoute(text: string): Route | undefined {
  const [, slot = '', generation = ''] = /^([a-z][a-z0-9_]*)\.([\w-]+)$/.exec(text) ?? []
  return slot === '' || slot === 'none' ? undefined : { slot, generation }
}
