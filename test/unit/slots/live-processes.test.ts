/** In which order a switch, its undo and a repair move what runs only in the live slot. */
import { describe, expect, it } from 'vitest'
import { perform, type Query } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import type { Runtime, Slot } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { movesAfter, movesBack, movesBefore } from '../../../slots/promote/live-processes.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { repairProcesses } from '../../../slots/state/repair.ts'
import type { SlotRecord } from '../../../slots/state/slot-record.ts'
import { incompleteLive, type Status, statusTable } from '../../../slots/status/status.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const blue = slots.get('blue')
const green = slots.get('green')
const runtimeOf = (more: Partial<Runtime> = {}) =>
  ({
    promoted: (slot: Slot) => perform(sh.write`promoted ${slot.name}`),
    demoted: (slot: Slot, next?: Slot) => perform(sh.write`demoted ${slot.name} ${next?.name ?? 'none'}`),
    ...more,
  }) as Runtime
const texts = (queries: readonly Query<void>[]) => queries.map(({ script }) => script.text)
const records = [{ slot: 'blue', adopted: null } as SlotRecord, undefined]
const moves = { from: blue, to: green, records }

describe('a switch', () => {
  it('stops what runs only in the live slot before it starts it in the other', () => {
    expect(texts(movesBefore(runtimeOf(), moves))).toEqual([])
    expect(texts(movesAfter(runtimeOf(), moves))).toEqual(['demoted blue green', 'promoted green'])
  })

  it('stops it before the traffic moves if the runtime says so', () => {
    const runtime = runtimeOf({ demotes: 'before' })
    expect(texts(movesBefore(runtime, moves))).toEqual(['demoted blue green'])
    expect(texts(movesAfter(runtime, moves))).toEqual(['promoted green'])
  })

  it('only starts it if no slot was live, or one that the runtime did not start', () => {
    const adopted = [{ slot: 'blue', adopted: { pid: 1, startTime: '1' } } as SlotRecord]
    for (const given of [
      { ...moves, from: undefined },
      { ...moves, records: adopted },
    ]) {
      expect(texts(movesAfter(runtimeOf(), given))).toEqual(['promoted green'])
      expect(texts(movesBack(runtimeOf(), given))).toEqual(['demoted green none'])
    }
  })

  it('is undone in the other direction', () => {
    expect(texts(movesBack(runtimeOf(), moves))).toEqual(['demoted green blue', 'promoted blue'])
  })

  it('asks nothing of a runtime without such processes', () => {
    const runtime = {} as Runtime
    expect([movesBefore(runtime, moves), movesAfter(runtime, moves), movesBack(runtime, moves)]).toEqual([[], [], []])
  })
})

describe('a repair', () => {
  const repaired = async (runtime: Runtime, live: string | undefined) => {
    const sent: string[] = []
    const host = {
      pipeline: () => ({
        push: (...queries: Query<void>[]) => sent.push(...texts(queries)),
        run: async () => void sent.push('end'),
      }),
    }
    const rest = { layout: layout('/srv/life'), deploy: {} as never, log: () => undefined }
    await repairProcesses({ ...rest, host: host as never, slots, runtime }, live)
    return sent
  }

  it('stops it in each slot that is not live, then starts it in the live one', async () => {
    expect(await repaired(runtimeOf(), 'green')).toEqual(['demoted blue green', 'promoted green', 'end'])
    expect(await repaired(runtimeOf(), undefined)).toEqual(['demoted blue none', 'demoted green none', 'end'])
  })

  it('contacts no host for a runtime without such processes', async () => {
    expect(await repaired({} as Runtime, 'green')).toEqual([])
  })
})

describe('the status of a slot with a failed process', () => {
  const row = { slot: 'blue', live: true, release: '1-abc', state: 'running', pid: 7, uptime: 60 } as const
  const status: Status = {
    host: 'web-1',
    live: 'blue',
    generation: null,
    agreed: true,
    migration: null,
    readings: { router: 'blue' },
    slots: [{ ...row, failed: ['worker'], health: 'healthy', connections: 2 }],
  }

  it('names the process, in the table and in the error for the live slot', () => {
    expect(statusTable(status)).toContain('running, worker failed')
    expect(incompleteLive(status)).toEqual({ slot: 'blue', failed: ['worker'] })
  })

  it('is not an error for a slot that is not live, or if all run', () => {
    expect(
      incompleteLive({
        ...status,
        slots: [{ ...row, live: false, failed: ['worker'], health: 'healthy', connections: 0 }],
      }),
    ).toBeUndefined()
    expect(incompleteLive({ ...status, slots: [{ ...row, health: 'healthy', connections: 0 }] })).toBeUndefined()
  })
})
