import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { slotsOf } from '../../../slots/slot.ts'
import type { Readings } from '../../../slots/state/readings.ts'
import { project } from '../../../tasks/project.ts'
import { definition } from '../../support/definition.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const run = promisify(execFile)
const { tasks } = project(definition)

let folder: string
let head: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-pending-task-'))
  const git = async (...args: string[]) => (await run('git', ['-C', folder, ...args])).stdout.trim()
  await git('init', '-q')
  const user = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']
  await git(...user, 'commit', '-q', '--allow-empty', '-m', 'first')
  head = await git('rev-parse', 'HEAD')
})
afterEach(() => rm(folder, { recursive: true }))

/** The readings of a host on which this slot is live, with the given revision. */
const live = (slot: string, revision: string, answer = slot): Readings => ({
  router: { slot, generation: 'g1' },
  answer: { slot: answer, generation: 'g1', status: 200, problem: undefined },
  records: ['blue', 'green'].map(name => ({
    slot: name,
    release: { name: `1.0.0-${name}`, version: '1.0.0', sha256: '', dir: '' },
    revision: name === slot ? revision : '0'.repeat(40),
    deploy: 'd1',
    by: 'me',
    at: '2026-11-26T10:00:00Z',
    state: 'ready',
    promoted: name === slot ? { generation: 'g1', at: '2026-11-26T10:00:00Z', by: 'me' } : null,
    adopted: null,
  })),
})
async function pending(readings: () => Promise<Readings>, ref?: string) {
  const shown: unknown[] = []
  const notes: string[] = []
  const show = (text: (columns: undefined) => string, data: unknown) => shown.push(text(undefined), data)
  const context = {
    folder,
    readings,
    slots: slotsOf(definition.slots),
    ref,
    show,
    note: (note: string) => notes.push(note),
  }
  await tasks.pending.run?.(context)
  return { notes, text: shown[0], data: shown[1] }
}

it('task pending compares the current commit with the record of the live slot, not that of the other one', async () => {
  expect(await pending(async () => live('green', head))).toMatchObject({
    notes: ['none'],
    text: expect.stringContaining('1.0.0-green in green'),
    data: { relation: 'same', live: { slot: 'green', revision: head } },
  })
})

it('task pending refuses an unknown --ref before it asks the host', async () => {
  const fault = await faultOf(pending(() => expect.fail('The host was asked.'), 'none'))
  expect(fault).toMatchObject({ code: 'REF_UNKNOWN', exitCode: 2 })
})

it('task pending never guesses which slot is live', async () => {
  const fault = await faultOf(pending(async () => live('green', head, 'blue')))
  expect(fault).toMatchObject({ code: 'LIVE_UNKNOWN', exitCode: 3 })
})
