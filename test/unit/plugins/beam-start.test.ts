/** Whether a failed start counts against the release or against the host. */
import { expect, it } from 'vitest'
import { beam } from '../../../plugins/runtime/beam/beam.ts'
import { badness } from '../../../slots/journal/bad.ts'
import type { JournalEntry } from '../../../slots/model.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const release = { name: '1-abc', version: '1', sha256: '', dir: '/srv/life/releases/1-abc' }

async function started(stderr: string): Promise<{ code: string; bad: boolean }> {
  // The query for a refusal of sudo finds none.
  const host = { name: 'web-1', query: async () => '' } as never
  const runtime = beam().create(pluginKit({ slots: slots.all }))
  const { read } = runtime.start(release, slots.get('green'))
  const fault = await faultOf(Promise.resolve(read({ code: 1, stdout: '', stderr }, host)))
  const entry = { event: 'deploy', result: 'failed', release: '1-abc', why: fault.code } as JournalEntry
  return { code: fault.code, bad: badness([entry], '1-abc') !== undefined }
}

it.each([
  'bash: line 7: /srv/life/slots/green/started: No space left on device',
  'bash: line 7: /srv/life/slots/green/started: Read-only file system',
  'bash: fork: Cannot allocate memory',
  'Job for life@green.service failed because of unavailable resources or another system error.',
  'Failed to connect to bus: Connection refused',
])('F53 a start that the host prevents does not count against the release: %s', async stderr => {
  expect(await started(stderr)).toEqual({ code: 'START_PREVENTED', bad: false })
})

it.each([
  'Job for life@green.service failed because the control process exited with error code.',
  'bin/life: 12: exec: not found',
])('F53 a start that the release fails counts against it (control): %s', async stderr => {
  expect(await started(stderr)).toEqual({ code: 'START_FAILED', bad: true })
})
