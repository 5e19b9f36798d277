/** In which order a switch is taken back, and by whom. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Query } from '../../../host/query.ts'
import { newDeploy } from '../../../slots/journal/journal.ts'
import type { StepContext } from '../../../swarm/context.ts'
import { swarmFaults } from '../../../swarm/faults.ts'
import { EMPTY, type Records, type recordsObject, routeText } from '../../../swarm/records.ts'
import { beginSwitch, isRecorded, revertSwitch, type SwarmSwitch } from '../../../swarm/switch.ts'

const blue = { slot: 'blue', generation: '1-a' }
const green = { slot: 'green', generation: '2-b' }
const begun: Records = {
  ...EMPTY,
  version: 7,
  term: 2,
  live: blue,
  moving: { to: green, from: blue, by: 'ann', at: 'now' },
}
const node = { name: 'n1', address: '10.0.0.1' }

let did: string[]
let records: Records
/** What the engine says to a change of the records. */
let refusal: Error | undefined
beforeEach(() => {
  did = []
  records = begun
  refusal = undefined
})

const context = {
  app: 'life',
  definition: { router: { port: 80 } },
  health: { host: 'localhost', path: '/health' },
  deploy: newDeploy('ann@desk', new Date('2026-11-26T18:00:00Z'), 0.5),
  host: {
    async query({ script, input }: Query<unknown>) {
      if (!script.writes) return new Map([['n1', { requests: 5 }]])
      if (refusal) throw refusal
      const { Labels } = JSON.parse(String(input)) as ReturnType<typeof recordsObject>
      records = { ...records, version: records.version + 1, term: Number(Labels.term) }
      did.push(
        `recorded term ${Labels.term}${Labels.moving ? ', moving' : `, ${JSON.parse(Labels.live ?? '{}').slot} is live`}`,
      )
    },
  },
  cluster: async () => ({ records }),
  control: async () => ({
    async move(to: string) {
      did.push(`moved to ${to.replace(/-.*/, '')}`)
      return new Map([['n1', { route: { slot: 'blue', generation: to }, term: 3, up: {} }]])
    },
  }),
} as unknown as StepContext

const back = {
  from: blue,
  to: green,
  release: 'r',
  nodes: [node],
  records: begun,
  event: 'promote',
} as unknown as Parameters<typeof revertSwitch>[1]

describe('the way back', () => {
  it('is recorded before the routers are told, with the term that they get', async () => {
    await revertSwitch(context, back)
    expect(did).toEqual(['recorded term 3, moving', 'moved to blue.3', 'recorded term 3, blue is live'])
  })

  it('tells no router if the records are of another run by now', async () => {
    refusal = swarmFaults.RECORDS_CHANGED({ app: 'life', why: 'update out of sequence' })
    await expect(revertSwitch(context, back)).rejects.toBe(refusal)
    expect(did).toEqual([])
  })
})

it('a switch counts as begun before it is recorded, because the answer may be lost', async () => {
  refusal = new Error('the connection is lost')
  const move = {
    to: green,
    from: blue,
    records: { ...EMPTY, version: 6, live: blue },
    attempted: false,
  } as unknown as SwarmSwitch
  await expect(beginSwitch(context, move)).rejects.toBe(refusal)
  expect(move.attempted).toBe(true)
})

it('a switch is in the records while it is under way, and when it was completed, until another one is', () => {
  expect(routeText(begun.moving?.to)).toBe('green.2-b')
  expect(isRecorded(begun, { to: green })).toBe(true)
  expect(isRecorded({ ...begun, live: green, moving: undefined }, { to: green })).toBe(true)
  expect(isRecorded({ ...begun, live: { slot: 'green', generation: '3-c' }, moving: undefined }, { to: green })).toBe(
    false,
  )
  expect(isRecorded({ ...begun, moving: undefined }, { to: green })).toBe(false)
})
