/** What the undo of a switch writes on a host. */
import { expect, it } from 'vitest'
import { capture, perform } from '../../../host/query.ts'
import { type Script, sh } from '../../../host/script.ts'
import { Fault } from '../../../runner/fault.ts'
import type { Route, Router, Runtime } from '../../../slots/contracts.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { layout } from '../../../slots/layout.ts'
import { revertSwitch, type TrafficSwitch } from '../../../slots/promote/switch.ts'
import { slotsOf } from '../../../slots/slot.ts'
import type { SlotRecord } from '../../../slots/state/slot-record.ts'
import { fakeHost } from '../../support/fake-host.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const before: Route = { slot: 'blue', generation: 'g1' }
const record: SlotRecord = {
  slot: 'green',
  release: { name: '2.0.0-abc', version: '2.0.0', sha256: 'abc', dir: '/srv/life/releases/2.0.0-abc' },
  revision: null,
  deploy: 'd1',
  by: 'ann@desk',
  at: '2026-11-26T10:00:00.000Z',
  state: 'ready',
  promoted: null,
  adopted: null,
}
const promoted = { generation: 'g2', at: '2026-11-27T10:00:00.000Z', by: 'ann@desk' }
const FULL = new Fault('HOST_DISK_FULL', 1, 'The disk is full.', 'Free some space.')

/** Undoes a switch from blue to green. Resolves to the scripts that were run. */
async function undone(route: Route, onHost: SlotRecord, { full = false } = {}): Promise<readonly Script[]> {
  const scripts: Script[] = []
  let now = route
  const host = fakeHost(script => {
    scripts.push(script)
    if (script.text === ': restore') now = before
    if (full && script.text.includes('sha256sum')) throw FULL
    return script.text.includes('cat') ? JSON.stringify(onHost) : ''
  })
  const router = {
    live: () => capture(sh.read`: live`, () => now),
    restore: () => perform(sh.write`: restore`),
    verify: (wanted: Route) =>
      capture(sh.read`: verify`, () => ({ verified: now.slot === wanted.slot, asked: 5, last: now })),
  } as unknown as Router
  const trafficSwitch = {
    from: slots.get('blue'),
    to: slots.get('green'),
    before,
    record,
    records: [],
  } as unknown as TrafficSwitch<string>
  const deploy = { id: 'd1', by: 'ann@desk', where: 'desk', began: 0 }
  const runtime = {} as Runtime
  await revertSwitch(
    { host, layout: layout('/srv/life'), router, runtime, health: healthOf(undefined), deploy },
    trafficSwitch,
  )
  return scripts
}

const texts = (scripts: readonly Script[]) => scripts.map(({ text }) => text)
const writesRecord = (scripts: readonly Script[]) =>
  scripts.some(({ text }) => text.includes('sha256sum') && text.includes('/srv/life/slots/green/slot.json'))

it('a host that has not switched and whose record is as it was needs no space', async () => {
  const scripts = await undone(before, record, { full: true })
  expect(texts(scripts)).not.toContain(': restore')
})

it('a record of the switch is replaced, and an error of that is reported', async () => {
  expect(writesRecord(await undone({ slot: 'green', generation: 'g2' }, { ...record, promoted }))).toBe(true)
  await expect(undone(before, { ...record, promoted }, { full: true })).rejects.toBe(FULL)
})

it('a host refuses the order that is still on its way before it says what it serves', async () => {
  const [first, second] = await undone({ slot: 'green', generation: 'g2' }, record)
  expect(first).toMatchObject({ writes: true })
  expect(second?.text).toBe(': live')
})
